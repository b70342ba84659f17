#!/bin/sh
# Starts Redis with the password of $REDIS_PASSWORD, which reaches the server on standard input: it is in no file and in
# no list of processes. The first argument names the configuration, a file beside this one: redis.conf or broker.conf.
# Others are further options of redis-server.
set -eu

refuse() {
    echo "redis-start: $1" >&2
    exit 2
}

password=${REDIS_PASSWORD:-}
unset REDIS_PASSWORD
case $password in
    '') refuse "REDIS_PASSWORD is empty; set it in .env" ;;
    *[!A-Za-z0-9_-]*) refuse "REDIS_PASSWORD becomes part of a URL: use letters, digits, - and _ only" ;;
esac
[ "${#password}" -ge 16 ] || refuse "REDIS_PASSWORD is shorter than 16 characters"

config=${0%/*}/${1:-}
[ -f "$config" ] || refuse "the first argument is redis.conf or broker.conf, not '${1:-}'"
shift

exec redis-server "$config" "$@" - <<OPTIONS
requirepass $password
OPTIONS
