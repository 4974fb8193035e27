#!/bin/sh
# make-secrets.sh FOLDER [REDIS_HOST]: makes the secrets of a cluster, each in a file of its own: what is there stays as it is.
#   master_key      seals the secrets that Redis keeps. Keep a copy in a safe place: without it every follower pairs again.
#   redis_password  of the user `yonexus`
#   redis_url       for the nodes and the coordinators (REDIS_URL)
#   users.acl       for Redis: the same user, by the hash of its password, and what it may do
# Any POSIX shell, so that it runs in a container as well. Each file is its maker's alone, unless root says whose it is to be: NODE_UID reads
# the master key and the URL, REDIS_UID the users, and has the folder REDIS_DATA.
set -eu
umask 077
folder=${1:?the folder for the secrets}
redis_host=${2:-redis}
template=${USERS_ACL_TEMPLATE:-$(dirname -- "$0")/users.acl.template}
prefix=${YONEXUS_KEY_PREFIX:-yonexus}

# new NAME COMMAND…: the file is whole or not there, whenever this is stopped.
new() {
  name=$1
  shift
  if [ -s "$folder/$name" ]; then return; fi
  "$@" >"$folder/.$name.new"
  [ -s "$folder/.$name.new" ]
  mv "$folder/.$name.new" "$folder/$name"
  echo "made $name" >&2
}

random_base64() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }
random_hex() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
redis_url() { printf 'redis://yonexus:%s@%s:6379' "$(cat "$folder/redis_password")" "$redis_host"; }
users_acl() {
  hash=$(printf %s "$(cat "$folder/redis_password")" | sha256sum | cut -d ' ' -f 1)
  # A line each, and no comments: Redis takes none in this file.
  sed -e '/^#/d' -e '/^$/d' -e "s/@PASSWORD_SHA256@/$hash/" -e "s/@PREFIX@/$prefix/g" "$template"
}

mkdir -p "$folder"
# Where root gives the files away, each to its reader, the readers must get to them.
if [ -n "${NODE_UID:-}" ]; then chmod 755 "$folder"; fi
new master_key random_base64
new redis_password random_hex
new redis_url redis_url
# Made anew from the template each time: an upgrade may bring commands that the user needs.
# The one before stays until this one is whole and has its reader: a Redis that starts in between finds one of them.
rm -f "$folder/.users.acl.new"
users_acl >"$folder/.users.acl.new"
grep -q '^user yonexus ' "$folder/.users.acl.new"
if [ -n "${REDIS_UID:-}" ]; then chown "$REDIS_UID" "$folder/.users.acl.new" ${REDIS_DATA:+"$REDIS_DATA"}; fi
mv -f "$folder/.users.acl.new" "$folder/users.acl"
echo "made users.acl" >&2
if [ -n "${NODE_UID:-}" ]; then chown "$NODE_UID" "$folder/master_key" "$folder/redis_url"; fi
