#!/usr/bin/env bash
# test.sh [arguments of vitest]: installs what is missing, a real Redis included, and runs the tests of all projects.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/lib/installation.sh"

install_packages "$root"
install_redis
install_deploy_programs
cd "$root"
exec "$root/node_modules/.bin/vitest" run "$@"
