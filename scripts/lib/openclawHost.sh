# Sourced after installation.sh: a real OpenClaw to run the plugin in, outside the workspace. Speaks on stderr only.

openclaw_version=2026.9.6

# cache_folder: where what is too big to install for each checkout is kept.
cache_folder() {
  printf '%s\n' "${YONEXUS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/yonexus}"
}

# install_openclaw: prints the folder of the package openclaw, which it installs the first time.
install_openclaw() (
  set -e
  cache=$(cache_folder)
  mkdir -p "$cache"
  cache=$(cd -- "$cache" && pwd -P)
  home=$cache/openclaw-$openclaw_version
  if ! is_openclaw "$home"; then
    # Two scripts started at once must not install over each other.
    if command -v flock >/dev/null 2>&1; then
      exec 8>"$cache/openclaw.lock"
      flock --nonblock 8 || {
        say "waiting for another installation of openclaw …"
        flock 8
      }
      # Who holds the lock has no rival: these were left by installations that were killed.
      rm -rf "$cache"/openclaw-staged.*
    fi
    is_openclaw "$home" || stage_openclaw "$cache" "$home"
  fi
  printf '%s\n' "$home/node_modules/openclaw"
)

# stage_openclaw CACHE HOME: installs beside HOME and renames at the end, so that HOME is whole whenever it is there.
stage_openclaw() {
  local cache=$1 home=$2
  # Not local: the trap runs when this function is over.
  staged=$(mktemp -d "$cache/openclaw-staged.XXXXXX")
  trap 'rm -rf "$staged"' EXIT
  printf '{ "private": true }\n' >"$staged/package.json"
  # Nothing that a gateway needs is made by the install scripts of its packages.
  run_quietly "installing openclaw $openclaw_version (once, about a minute, 650 MB)" \
    npm install --prefix "$staged" --ignore-scripts --no-audit --no-fund --loglevel=error "openclaw@$openclaw_version" ||
    fail "npm could not install openclaw, see above: mend what it says (often the network, or a full disk) and run this again."
  is_openclaw "$staged" ||
    fail "npm installed something else than openclaw $openclaw_version in $staged: look at the settings of npm (npm config ls)."
  # mv would put it inside a folder that is there already; rename() refuses a folder that holds anything.
  is_openclaw "$home" || rm -rf "$home"
  node -e 'require("node:fs").renameSync(process.argv[1], process.argv[2])' "$staged" "$home" 2>/dev/null ||
    is_openclaw "$home" ||
    fail "$home could not be put in place: remove it and run this again."
}

# is_openclaw HOME: the wanted version and its entry are installed there.
is_openclaw() {
  [[ -f $1/node_modules/openclaw/openclaw.mjs && -f $1/node_modules/openclaw/package.json ]] &&
    node -e 'process.exit(require(process.argv[1]).version === process.argv[2] ? 0 : 1)' \
      "$1/node_modules/openclaw/package.json" "$openclaw_version" 2>/dev/null
}
