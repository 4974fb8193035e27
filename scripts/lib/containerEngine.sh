# Sourced after installation.sh: a Docker engine with Compose to test in. Speaks on stderr only.

# use_engine ROOT: an engine that is there, else one of its own where ../shared/tools can make it. Defines in_engine (runs a command
# where the ports of containers are) and build_image TAG ARGUMENTS…; sets engine_is_ours when end_engine is to be called.
use_engine() {
  local root=$1 tools=$1/../shared/tools base=${YONEXUS_ENGINE_DIR:-/tmp/yonexus-engine}
  engine_is_ours=
  if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
    in_engine() { "$@"; }
    build_image() { docker build --tag "$1" "${@:2}"; }
    return
  fi
  if [[ ! -x $tools/engine-up.sh || $(id -u) != 0 ]]; then
    fail "these tests need a Docker engine with Compose 2: start one that this user may use (\`docker compose version\` and \`docker info\` must work), and run this again."
  fi
  engine_tools=$tools
  # One that runs already is left running.
  [[ -f $base/env ]] && docker -H "unix://$base/run/docker.sock" info >/dev/null 2>&1 || engine_is_ours=$base
  run_quietly "starting a Docker engine (from nothing about two minutes)" \
    env NODE_BIN="$(command -v node)" "$tools/engine-up.sh" "$base" ||
    fail "the engine did not start, see above."
  # shellcheck disable=SC1091
  . "$base/env"
}

# end_engine: ends the engine that use_engine started.
end_engine() {
  [[ -n ${engine_is_ours:-} ]] && "$engine_tools/engine-down.sh" "$engine_is_ours" >/dev/null 2>&1
  engine_is_ours=
}
