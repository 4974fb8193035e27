#!/bin/sh
# haproxy-health.sh: exits 0 when this balancer has a node that is ready: it asks /readyz as a follower would.
# The Alpine image of HAProxy has wget, the Debian one has neither wget nor curl, but bash.
if command -v wget >/dev/null 2>&1; then
  exec wget -q -T 2 -O /dev/null http://127.0.0.1:8787/readyz
fi
exec bash -c '
  exec 3<>/dev/tcp/127.0.0.1/8787 || exit 1
  printf "GET /readyz HTTP/1.0\r\n\r\n" >&3
  read -r -t 2 _ status _ <&3 && [ "$status" = 200 ]
'
