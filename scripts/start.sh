#!/usr/bin/env bash
# start.sh [arguments of `yonexus up`]: installs what is missing and starts a whole cluster on this machine.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/lib/installation.sh"

install_packages "$root"
# exec, so that Ctrl-C and signals reach it and its exit code is the script's.
exec "$root/node_modules/.bin/yonexus" up "$@"
