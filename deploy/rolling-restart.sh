#!/usr/bin/env bash
# rolling-restart.sh [SERVICE…]: replaces each container of these services (node, then coordinator) by a new one, one after the other:
# of the image that is there now, so that it is an upgrade after `docker compose build` or `pull`. The new one is ready before the old one
# is told to stop, and the old one drains. Nothing is lost: followers come back to other nodes, and what is queued waits for them.
# Options of Compose come from its environment: COMPOSE_PROJECT_NAME, COMPOSE_FILE, COMPOSE_ENV_FILES.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
services=("$@")
((${#services[@]} > 0)) || services=(node coordinator)
ready_within=300

say() { printf 'rolling-restart: %s\n' "$*" >&2; }

# ready SERVICE CONTAINER: it answers as one that may get work.
ready() {
  local path=/healthz
  [[ $1 == node ]] && path=/readyz
  docker exec "$2" /app/deploy/healthcheck.sh "$path" >/dev/null 2>&1
}

for service in "${services[@]}"; do
  mapfile -t old < <(docker compose ps --quiet "$service")
  count=${#old[@]}
  if ((count == 0)); then
    say "no container of $service runs: start the cluster with \`docker compose up --build --wait\`."
    exit 1
  fi
  for container in "${old[@]}"; do
    began=$SECONDS
    mapfile -t before < <(docker compose ps --quiet "$service")
    docker compose --progress quiet up --detach --no-deps --no-recreate --scale "$service=$((${#before[@]} + 1))" "$service" >&2
    new=$(docker compose ps --quiet "$service" | grep -vxF -f <(printf '%s\n' "${before[@]}"))
    until ready "$service" "$new"; do
      if ((SECONDS - began > ready_within)); then
        say "the new $service ${new:0:12} is not ready after $ready_within s, and the others were left as they are. Look at \`docker logs ${new:0:12}\`, then end it with \`docker rm -f ${new:0:12}\`."
        exit 1
      fi
      sleep 0.2
    done
    # With the grace period of the Compose file: the drain window is within it.
    docker stop "$container" >/dev/null
    docker rm "$container" >/dev/null
    say "$service ${container:0:12} gave way to ${new:0:12} in $((SECONDS - began)) s"
  done
done
