#!/usr/bin/env bash
# healthcheck.sh [PATH]: exits 0 when the admin address of this container's process answers GET PATH (/healthz) with 200, else 1 with a
# sentence that `docker inspect` shows. It runs every few seconds in every container, so it does without Node.js, which takes fifty
# times as long to start.
path=${1:-/healthz}
host=${YONEXUS_ADMIN_HOST:-127.0.0.1}
port=${YONEXUS_ADMIN_PORT:-}
# A listener on all addresses is reached by the loopback one.
case $host in 0.0.0.0 | ::) host=127.0.0.1 ;; esac

end() {
  echo "$path $2"
  exit "$1"
}

[[ -n $port ]] || end 1 "cannot be asked: YONEXUS_ADMIN_PORT is not set."
{ exec 3<>"/dev/tcp/$host/$port"; } 2>/dev/null || end 1 "cannot be asked: nobody listens on $host:$port."
printf 'GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n' "$path" "$host" "$port" >&3
read -r -t 4 _ status _ <&3 || end 1 "did not answer within 4 s."
[[ $status == 200 ]] || end 1 "answered $status."
end 0 "answered 200."
