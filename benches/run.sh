#!/bin/sh
# Runs every bench and measuring program, then prints the table.
#   benches/run.sh            all
#   benches/run.sh --check    the same; ends with status 1 if a goal is missed
# Takes some minutes; keep the machine quiet meanwhile. Instructions need valgrind.
set -eu
cd "$(dirname "$0")/.."

for bench in tasks gather timers scopes sync queues wake echo footprint lateness echo_cpu instructions; do
    cargo bench --bench "$bench" 1>&2
done
exec python3 benches/table.py "$@"
