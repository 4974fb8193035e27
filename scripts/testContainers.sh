#!/usr/bin/env bash
# testContainers.sh [--all] [arguments of vitest]: builds the image, tests the cluster of docker-compose.yml in a real Docker engine, and runs
# a part of the integration tests with their Redis in a container, or all that can be. With YONEXUS_TEST_IMAGE it tests an image that is there.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/lib/installation.sh"
. "$root/scripts/lib/containerEngine.sh"

# Of each kind that Redis can do differently in a container: scripts, streams, blocking reads, jobs, a restart.
with_redis_in_container=(
  test/redis/{trustStore,pairing,sessionOwnership,messageQueueSettle,ruleConsumer,coordinatorNotices}.test.ts
  test/cluster/{handshake,messages,queuedDelivery}.test.ts
)
# All of them take a quarter of an hour. Left out then: tests whose Redis reads certificates of this machine, and those of how a
# server closes a connection, which the engine's port proxy hides.
left_out=()
if [[ ${1:-} == --all ]]; then
  shift
  with_redis_in_container=(test/redis test/cluster)
  for file in test/{redis,cluster}/redisTls test/redis/{connectionFailure,openClusterRefused}; do
    left_out+=(--exclude "$file.test.ts")
  done
fi

install_packages "$root"
cd "$root"
trap end_engine EXIT
trap 'exit 130' INT TERM HUP
use_engine "$root"
export DEPLOY_IMAGE=${YONEXUS_TEST_IMAGE:-yonexus-server:test}
if [[ -z ${YONEXUS_TEST_IMAGE:-} ]]; then
  run_quietly "building the image" build_image "$DEPLOY_IMAGE" --file deploy/Dockerfile "$root" ||
    fail "the image could not be built, see above."
fi
base_size=$(docker image inspect --format '{{.Size}}' node:24-bookworm-slim 2>/dev/null || echo 0)
size=$(docker image inspect --format '{{.Size}}' "$DEPLOY_IMAGE")
say "the image has $((size / 1000000)) MB, $(((size - base_size) / 1000000)) MB of them on top of its base"

export YONEXUS_TEST_CONTAINERS=1 REDIS_IN_CONTAINER=1
# One file after the other: a cluster of containers is several processes on each core already.
in_engine "$root/node_modules/.bin/vitest" run --project redis --project cluster --project containers --no-file-parallelism \
  "${left_out[@]}" "${with_redis_in_container[@]}" test/containers "$@"
