#!/usr/bin/env bash
# Installs what is missing, builds, and runs all tests:
#
#   dev    layering, benches and end to end, with the ordinary program
#   asan   the unit tests, fuzz corpora too, and the main way end to end, with address and undefined-behaviour checks
#   tsan   the tests of what has threads, and the main way end to end, with the thread sanitizer
#
#   tests/run.sh            all of it
#   tests/run.sh --quick    dev only, and there the unit tests too
#   tests/run.sh --no-install …    with the packages that are there
#
# Reports are left in build/*/reports. The last line says how many cases passed and failed.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

quick=false install=true
for argument in "$@"; do
  case "$argument" in
    --quick) quick=true ;;
    --no-install) install=false ;;
    -h | --help)
      sed -n '2,11s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *)
      echo "tests/run.sh: unknown option '$argument'; see --help" >&2
      exit 2
      ;;
  esac
done
exec < /dev/null

python=/usr/bin/python3
jobs=$(nproc)
summary=()
failed=false
reports=()

# phase NAME COMMAND…: runs it and notes how long it took; a failure ends the run of this phase only.
phase() {
  local name=$1 began=$SECONDS status=0
  shift
  echo "== $name"
  "$@" || status=$?
  local word=ok
  if ((status != 0)); then
    word=FAILED
    failed=true
  fi
  summary+=("$(printf '%-34s %-7s %4d s' "$name" "$word" $((SECONDS - began)))")
  return "$status"
}

finish() {
  echo
  printf '%s\n' "${summary[@]}" "$(printf '%-34s %-7s %4d s' all "$($failed && echo FAILED || echo ok)" "$SECONDS")"
  if $failed; then reports+=(--failed); fi
  $python tests/summary.py "${reports[@]}" || exit 1
}

build() {
  local preset=$1 log=build/$1/build.log
  shift
  # Reports of an earlier run must not be counted.
  rm -rf "build/$preset/reports"
  mkdir -p "build/$preset"
  # What is built is the reader's business only when it fails.
  if ! { cmake --preset "$preset" && cmake --build --preset "$preset" -j "$jobs" "$@"; } > "$log" 2>&1; then
    grep -E -A 12 'error:|Error|FAILED:' "$log" | head -n 80 || tail -n 40 "$log"
    echo "the whole output is in $log"
    return 1
  fi
}

# run_tests PRESET NAME CTEST_OPTIONS…
run_tests() {
  local preset=$1 name=$2
  shift 2
  local folder=$root/build/$preset/reports
  mkdir -p "$folder"
  reports+=("$folder/$name.ctest.xml")
  GTEST_OUTPUT="xml:$folder/" "${with_options[@]}" ctest --test-dir "build/$preset" --output-on-failure \
    --no-tests=error -j "$jobs" --output-junit "$folder/$name.ctest.xml" "$@"
}

# Names of the test programs with a label, which are also their targets.
targets_of() {
  ctest --test-dir build/dev --show-only=json-v1 -L "$1" |
    $python -c 'import json, sys; print(*(t["name"] for t in json.load(sys.stdin)["tests"]), sep="\n")'
}

with_options=(env)
if $install; then
  phase "packages" deploy/dependencies.sh --tests || { finish; exit 1; }
  phase "packages of the browser scenarios" tests/browser/install.sh || { finish; exit 1; }
fi
if $quick; then
  phase "dev: build" build dev || { finish; exit 1; }
  phase "dev: all tests" run_tests dev all || true
else
  # The unit tests run under the sanitizers; building them a third time would take longer than all tests together.
  phase "dev: build" build dev -t penstock penstock-sandbox penstock_benches || { finish; exit 1; }
  phase "dev: layering, benches, end to end" run_tests dev all -LE '^unit$' || true
  mapfile -t unit < <(targets_of '^unit$')
  mapfile -t concurrent < <(targets_of '^concurrency$')
  with_options=(env ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 PENSTOCK_E2E_PATIENCE=180)
  if phase "asan: build" build asan -t "${unit[@]}" penstock penstock-sandbox; then
    phase "asan: unit tests" run_tests asan unit -L '^unit$' || true
    phase "asan: the main way, end to end" run_tests asan e2e -R '^e2e_main_way$' || true
  fi
  # Debian's kernels give more bits to address randomisation than GCC 12's thread sanitizer knows how to live with.
  with_options=(env "TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1" PENSTOCK_E2E_PATIENCE=180)
  if setarch "$(uname -m)" -R true 2> /dev/null; then
    with_options=(setarch "$(uname -m)" -R "${with_options[@]}")
  fi
  if phase "tsan: build" build tsan -t "${concurrent[@]}" penstock penstock-sandbox; then
    phase "tsan: tests of threads" run_tests tsan unit -L '^concurrency$' || true
    phase "tsan: the main way, end to end" run_tests tsan e2e -R '^e2e_main_way$' || true
  fi
fi
finish
