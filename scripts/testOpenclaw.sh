#!/usr/bin/env bash
# testOpenclaw.sh [arguments of vitest]: installs what is missing, a real OpenClaw included, builds the plugin, and tests
# it inside real gateways.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/lib/installation.sh"
. "$root/scripts/lib/openclawHost.sh"

install_packages "$root"
install_redis
cd "$root"
run_quietly "building the plugin" npm run --silent build:plugin ||
  fail "the plugin could not be built, see above: mend what it says and run this again."
YONEXUS_CACHE_DIR=$(cache_folder)
YONEXUS_OPENCLAW_HOST=$(install_openclaw)
export YONEXUS_CACHE_DIR YONEXUS_OPENCLAW_HOST
exec "$root/node_modules/.bin/vitest" run --project openclaw "$@"
