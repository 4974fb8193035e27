#!/usr/bin/env bash
# testConsole.sh [arguments of vitest]: installs what is missing, a browser included, and tests the operator's console in it.
# CONSOLE_SCREENSHOTS names a folder in which pictures of every view stay, to be looked at.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/lib/installation.sh"

# find_browser: prints the path of a Chromium or Chrome on the PATH.
find_browser() {
  command -v chromium || command -v chromium-browser || command -v google-chrome
}

install_chromium_with_apt() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends chromium
}

install_packages "$root"
install_redis
cd "$root"
if ! find_browser >/dev/null; then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null 2>&1; then
    fail "the tests of the console need a browser: install chromium, and run this again."
  fi
  run_quietly "installing chromium with apt" install_chromium_with_apt ||
    fail "chromium could not be installed, see above: install it, and run this again."
fi
YONEXUS_TEST_BROWSER=$(find_browser)
export YONEXUS_TEST_BROWSER
exec "$root/node_modules/.bin/vitest" run --project console "$@"
