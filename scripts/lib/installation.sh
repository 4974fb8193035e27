# Sourced by start.sh and test.sh: installs what a bare machine lacks. Speaks on stderr only.

say() { printf 'yonexus: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# run_quietly WHAT COMMAND…: says that it runs and that it still runs; shows the command's output only when it fails.
run_quietly() {
  local what=$1 began=$SECONDS told=0 code=0 log pid
  shift
  log=$(mktemp)
  say "$what …"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  # A background command of a script does not hear Ctrl-C by itself.
  trap 'kill "$pid" 2>/dev/null; rm -f "$log"; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - began >= told + 10)); then
      told=$((SECONDS - began))
      say "$what … still at it after $told s"
    fi
  done
  wait "$pid" || code=$?
  trap - INT TERM
  if ((code != 0)); then
    head -n 40 "$log" >&2
  else
    say "$what … done in $((SECONDS - began)) s"
  fi
  rm -f "$log"
  return "$code"
}

# install_packages ROOT: node_modules as package-lock.json says, and its Node.js first on the PATH.
install_packages() {
  local root=$1
  if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    fail "node or npm is missing: install Node.js 20 or later, which brings npm, and run this again."
  fi
  if ! node "$root/scripts/lib/installed.mjs" "$root"; then
    # Two scripts started at once must not install over each other.
    if command -v flock >/dev/null 2>&1; then
      exec 9<"$root/package-lock.json"
      flock 9
    fi
    if ! node "$root/scripts/lib/installed.mjs" "$root"; then
      run_quietly "installing the packages (once, about a minute)" npm ci --prefix "$root" --include=dev --loglevel=error ||
        fail "npm ci failed, see above: mend what it says (often the network, or a folder that is not yours) and run this again."
    fi
    exec 9<&-
  fi
  export PATH="$root/node_modules/.bin:$PATH"
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)' ||
    fail "Node.js 24 was not installed with the packages: remove node_modules and run this again, or put Node.js 24 on the PATH."
}

# install_redis: a real redis-server or valkey-server on the PATH, or a Docker engine to run one in.
install_redis() {
  command -v redis-server >/dev/null 2>&1 && return
  command -v valkey-server >/dev/null 2>&1 && return
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null 2>&1; then
    run_quietly "installing redis-server with apt" install_with_apt redis-server redis-sentinel && return
  fi
  if command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
    say "no redis-server on the PATH: the tests run Redis in containers."
    return
  fi
  fail "the tests need a real Redis: install redis-server or valkey-server (7.0 or later), or start a Docker engine."
}

# find_program NAME: prints its path, also where only an administrator's PATH has it.
find_program() {
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v "$1"
}

# install_deploy_programs: what runs the alert rules and the balancer's configuration; without one its tests are left out, which is said.
install_deploy_programs() {
  local missing=()
  find_program promtool >/dev/null || missing+=(prometheus)
  find_program haproxy >/dev/null || missing+=(haproxy)
  if ((${#missing[@]} > 0)) && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null 2>&1; then
    run_quietly "installing ${missing[*]} with apt" install_with_apt "${missing[@]}" || true
  fi
  if find_program promtool >/dev/null; then
    export YONEXUS_TEST_PROMTOOL=1
  else
    say "no promtool on the PATH: the tests of the alerts are left out. It comes with Prometheus."
  fi
  if YONEXUS_TEST_HAPROXY=$(find_program haproxy); then
    export YONEXUS_TEST_HAPROXY
  else
    unset YONEXUS_TEST_HAPROXY
    say "no haproxy on the PATH: the tests of the balancer's configuration are left out."
  fi
}

# install_with_apt PACKAGE…
install_with_apt() (
  # A package would start a server of its own on the usual port.
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "$@"
)
