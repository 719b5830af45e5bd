#!/bin/sh
# Counts the system calls that an echo server makes for 100 connections and 3 requests on each, by peer:
# `benches/syscalls.sh [PEER ...]`. Needs strace.
set -eu
cd "$(dirname "$0")/.."

server=$(cargo bench --bench echo_cpu --no-run 2>&1 | sed -n 's/.*(\(.*\/echo_cpu-[^)]*\)).*/\1/p')
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
[ $# -gt 0 ] || set -- wheelhouse tokio smol floor bare
for peer in "$@"; do
    strace -c -o "$counts" "$server" --one "$peer" 100 >/dev/null
    echo "$peer: $(awk '$NF ~ /^(sendto|recvfrom|read|write|epoll_.*)$/ { printf "%s %s  ", $NF, $4 }' "$counts")"
done
