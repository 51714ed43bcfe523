#!/usr/bin/env bash
# Installs the packages of package-lock.json into node_modules; does nothing, quickly, when they are there.
set -euo pipefail
cd "$(dirname "$0")"
# Tests that run at the same time may all find them missing.
exec 9< package.json
flock -w 300 9
if cmp -s package-lock.json node_modules/.installed; then exit 0; fi
npm ci --loglevel=error --no-progress >&2
cp package-lock.json node_modules/.installed
