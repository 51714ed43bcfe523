#!/usr/bin/env bash
# Builds a release and runs the benches; writes bench/results/NAME.json.
#
#   bench/run.sh                   all benches of single parts (bench/NAME_bench.cc)
#   bench/run.sh NAME…             these
#   bench/run.sh ingest [OPTION…]  receiving pushes, against adnanh/webhook and nginx; --quick, --help
#   bench/run.sh artifact [OPTION…]  making artifacts, against git clone + zip and git archive; --help
#   bench/run.sh push [OPTION…]    from push to artifact through the running server, against the processes of today; --help
#   bench/run.sh soak [OPTION…]    ten minutes at half of capacity; --minutes N, --help
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  -h | --help)
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac

build() {
  local log=build/release/build.log
  mkdir -p build/release bench/results
  if ! { cmake --preset release && cmake --build --preset release --target "$@"; } > "$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "bench/run.sh: building failed; the whole output is in $log" >&2
    exit 1
  fi
}

deploy/dependencies.sh --bench
case "${1:-}" in
  ingest | soak)
    build penstock keep_payload
    program=$1
    shift
    exec /usr/bin/python3 -B "bench/ingest/$program.py" "$@"
    ;;
  artifact)
    build penstock
    shift
    exec /usr/bin/python3 -B bench/artifact/artifact.py "$@"
    ;;
  push)
    build penstock penstock-sandbox
    shift
    exec /usr/bin/python3 -B bench/push/push.py "$@"
    ;;
esac
build penstock_benches penstock

names=("$@")
if ((${#names[@]} == 0)); then
  for program in build/release/bin/*_bench; do
    [[ -x $program ]] || continue
    name=$(basename "$program")
    names+=("${name%_bench}")
  done
fi
if ((${#names[@]} == 0)); then
  echo "bench/run.sh: there are no benches"
  exit 0
fi
for name in "${names[@]}"; do
  program=build/release/bin/${name}_bench
  if [[ ! -x $program ]]; then
    echo "bench/run.sh: there is no bench '$name'" >&2
    exit 2
  fi
  echo "== $name"
  "$program" --benchmark_out="bench/results/$name.json" --benchmark_out_format=json
done
