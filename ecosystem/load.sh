#!/usr/bin/env bash
# Sends millions of requests to the example http_api with wrk and h2load, prints figures, and fails on any error.
#
# usage: load.sh [REQUESTS [CONNECTIONS]]      defaults: 2000000 and 10000
set -euo pipefail
cd "$(dirname "$0")"
requests=${1:-2000000}
connections=${2:-10000}
ulimit -n "$(ulimit -Hn)"

cargo build --locked --release --quiet --example http_api
server="${CARGO_TARGET_DIR:-../target}/release/examples/http_api"
said=$(mktemp)
"$server" 127.0.0.1:0 >"$said" &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; rm -f "$said"' EXIT
until grep -q listening "$said"; do kill -0 "$pid"; sleep 0.1; done
address=$(awk '{ print $3 }' "$said")
echo "http_api at $address"

descriptors() { find "/proc/$pid/fd" -mindepth 1 | wc -l; }
memory() { awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"; }
fail() { echo "load.sh: $*" >&2; exit 1; }
# Connections end a little after their clients.
back_to_start() {
  for _ in $(seq 100); do [ "$(descriptors)" = "$begun" ] && return; sleep 0.1; done
  fail "$(descriptors) descriptors are open, $begun were at the start"
}

curl -sS "http://$address/notes" >/dev/null
sleep 0.5
begun=$(descriptors)

before=$(memory)
coproc HOLDER { python3 load.py "${address%:*}" "${address#*:}" "$connections"; }
read -r open <&"${HOLDER[0]}"
after=$(memory)
[ "$open" = "$connections" ] || fail "only $open of $connections connections were answered"
echo "$open connections open, each has asked once: $(((after - before) * 1024 / open)) bytes of memory each, $(descriptors) descriptors"
eval "exec ${HOLDER[1]}>&-"
wait "$HOLDER_PID" 2>/dev/null || true
back_to_start
echo "closed: $(descriptors) descriptors, as at the start; memory $(memory) KiB"

half=$((requests / 2))
done=0
while [ "$done" -lt "$half" ]; do
  report=$(wrk -t1 -c256 -d10s "http://$address/notes")
  grep -q 'Non-2xx\|Socket errors' <<<"$report" && fail "$report"
  done=$((done + $(awk '/ requests in /{ print $1 }' <<<"$report")))
  rate=$(awk '/^Requests\/sec/{ print $2 }' <<<"$report")
done
echo "HTTP/1.1, wrk, 256 connections: $done requests, no error, $rate a second at last"

report=$(h2load -n "$half" -c 64 -m 16 "http://$address/notes")
grep -q "$half succeeded, 0 failed, 0 errored, 0 timeout" <<<"$report" || fail "$report"
grep -q "status codes: $half 2xx" <<<"$report" || fail "$report"
rate=$(awk '/^finished in/{ print $4 }' <<<"$report")
echo "HTTP/2, h2load, 64 connections, 16 at once on each: $half requests, no error, $rate a second"
back_to_start
echo "closed: $(descriptors) descriptors, as at the start; memory $(memory) KiB"

kill -INT "$pid"
wait "$pid" && echo "stopped by Ctrl-C, status 0"
