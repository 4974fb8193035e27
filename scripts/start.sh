#!/usr/bin/env bash
# start.sh [arguments of `yonexus up`]: installs what is missing and starts a whole cluster on this machine.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/lib/installation.sh"

install_packages "$root"
# The page of the operator's console, where it is missing or older than its sources.
page="$root/coordinator/dist/console/console.js"
if [[ ! -e $page || -n $(find "$root/coordinator/web" -type f -newer "$page" -print -quit) ]]; then
  run_quietly "building the page of the operator's console" npm run --silent --prefix "$root" build:console ||
    say "the page could not be built, see above: the cluster works without it."
fi
# exec, so that Ctrl-C and signals reach it and its exit code is the script's.
exec "$root/node_modules/.bin/yonexus" up "$@"
