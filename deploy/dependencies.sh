#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that Penstock needs; does nothing, quickly, when all are there.
#
#   deploy/dependencies.sh            what building and running needs
#   deploy/dependencies.sh --demo     also what deploy/quickstart.sh shows it with
#   deploy/dependencies.sh --tests    also what the tests need
#   deploy/dependencies.sh --bench    also what the benches need
#   deploy/dependencies.sh --list     prints the packages instead of installing them
set -euo pipefail

build=(
  g++ cmake ninja-build pkg-config git openssh-client ca-certificates
  nlohmann-json3-dev libssl-dev libcurl4-openssl-dev libgit2-dev libzip-dev libsqlite3-dev
  libsimdjson-dev libdeflate-dev libyaml-cpp-dev libcli11-dev prometheus-cpp-dev libre2-dev libabsl-dev zlib1g-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
# The git server of the quick start, and its tools.
demo=(nginx-light fcgiwrap openssl curl jq unzip)
tests=(
  ccache openssh-server sqlite3 zip
  python3 python3-pytest python3-boto3 python3-botocore python3-cryptography python3-jsonschema
  haproxy caddy slowhttptest wrk webhook iproute2
  # Other readers of zip files than unzip and Python: Java's (the JDK, since a JRE cannot run a source file), libarchive's
  # bsdtar, and 7-Zip (7zz in Debian 12, 7z in 13).
  default-jdk-headless libarchive-tools 7zip
  prometheus  # promtool, for the alerts and the dashboard
  fonts-dejavu-core
)
# A Node.js from elsewhere brings npm along, and conflicts with Debian's package of it.
node=(nodejs npm)
# Ubuntu has dropped some of these; a test that needs one says so.
optional=(awscli chromium)
# The load, what is compared with, and the git servers that artifacts are made from.
bench=(jq zip python3 openssl wrk webhook nginx-light fcgiwrap openssh-server)

usage() { sed -n '2,8s/^# \{0,1\}//p' "$0"; }
fail() {
  echo "dependencies.sh: $*" >&2
  exit 1
}

wanted=("${build[@]}")
maybe=()
list=false
for argument in "$@"; do
  case "$argument" in
    --demo) wanted+=("${demo[@]}") ;;
    --tests)
      wanted+=("${demo[@]}" "${tests[@]}")
      command -v npm > /dev/null || wanted+=("${node[@]}")
      maybe+=("${optional[@]}")
      ;;
    --bench) wanted+=("${bench[@]}") ;;
    --list) list=true ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "unknown option '$argument'; see --help" ;;
  esac
done
if $list; then
  printf '%s\n' "${wanted[@]}" "${maybe[@]}" | sort -u
  exit 0
fi

command -v apt-get > /dev/null && command -v dpkg-query > /dev/null ||
  fail "this is not Debian or Ubuntu; install the equivalents of these yourself: ${wanted[*]}"

missing_of() {
  # Virtual packages would need more than this; none of ours is one.
  local installed
  installed=" $(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2> /dev/null | sed -n 's/^installed //p' | tr '\n' ' ' || true)"
  local package
  for package in "$@"; do
    [[ "$installed" == *" $package "* ]] || echo "$package"
  done
}

mapfile -t missing < <(missing_of "${wanted[@]}" | sort -u)
missing_maybe=()
((${#maybe[@]} == 0)) || mapfile -t missing_maybe < <(missing_of "${maybe[@]}" | sort -u)

# Debian 12 is the oldest whose CMake (3.25) and libraries suffice; Ubuntu's first is 24.04.
# shellcheck source=/dev/null
. /etc/os-release
case "${ID:-} ${ID_LIKE:-}" in
  ubuntu*) [[ "${VERSION_ID%%.*}" -ge 24 ]] || fail "Ubuntu ${VERSION_ID} is too old: 24.04 or later is needed" ;;
  debian*) [[ "${VERSION_ID:-99}" -ge 12 ]] || fail "Debian ${VERSION_ID} is too old: 12 or later is needed" ;;
esac

exists() { apt-cache policy "$1" 2> /dev/null | grep 'Candidate: [^(]' > /dev/null; }
if ((${#missing[@]} == 0)); then
  # Without the required ones an optional one is only worth the trouble when it is known to exist.
  known=()
  for package in "${missing_maybe[@]}"; do
    if exists "$package"; then known+=("$package"); fi
  done
  missing_maybe=("${known[@]}")
  if ((${#missing_maybe[@]} == 0)) || [[ $EUID -ne 0 ]]; then exit 0; fi
fi

as_root=()
if [[ $EUID -ne 0 ]]; then
  command -v sudo > /dev/null ||
    fail "not root and without sudo; as root, run: apt-get install --no-install-recommends ${missing[*]}"
  as_root=(sudo)
  [[ -t 0 ]] || as_root=(sudo -n)
fi
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -o DPkg::Lock::Timeout=300 \
    -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" < /dev/null
}

echo "dependencies.sh: installing ${missing[*]} ${missing_maybe[*]}" >&2
log=$(mktemp)
added_policy=false
cleanup() {
  rm -f "$log"
  if $added_policy; then "${as_root[@]}" rm -f /usr/sbin/policy-rc.d; fi
}
trap cleanup EXIT

# Only the programs are wanted: keep nginx and sshd from being started as services of this machine.
services=()
for package in "${missing[@]}"; do
  case "$package" in
    nginx-light) services+=(nginx.service) ;;
    fcgiwrap) services+=(fcgiwrap.socket fcgiwrap.service) ;;
    openssh-server) services+=(ssh.service ssh.socket) ;;
    haproxy) services+=(haproxy.service) ;;
    caddy) services+=(caddy.service) ;;
    webhook) services+=(webhook.service) ;;
    prometheus) services+=(prometheus.service) ;;
  esac
done
if ((${#services[@]} > 0)) && [[ ! -e /usr/sbin/policy-rc.d ]]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee /usr/sbin/policy-rc.d > /dev/null
  "${as_root[@]}" chmod 755 /usr/sbin/policy-rc.d
  added_policy=true
fi

# A package source that is down must not stop what the others have.
apt update > "$log" 2>&1 || {
  tail -n 5 "$log" >&2
  echo "dependencies.sh: apt-get update failed; trying with the package lists that are here" >&2
}
for package in "${missing_maybe[@]}"; do
  if exists "$package"; then
    missing+=("$package")
  else
    echo "dependencies.sh: $package does not exist in this release; going on without it" >&2
  fi
done
((${#missing[@]} > 0)) || exit 0
apt install -y --no-install-recommends "${missing[@]}" > "$log" 2>&1 || {
  grep -E '^(E:|W:|dpkg: error)' "$log" >&2 || tail -n 20 "$log" >&2
  fail "installing packages: apt-get failed"
}
if ((${#services[@]} > 0)) && command -v systemctl > /dev/null; then
  "${as_root[@]}" systemctl disable "${services[@]}" > /dev/null 2>&1 || true
fi

mapfile -t still < <(missing_of "${missing[@]}")
((${#still[@]} == 0)) || fail "still missing after the installation: ${still[*]}"
echo "dependencies.sh: installed ${#missing[@]} packages" >&2
