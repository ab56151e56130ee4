#!/bin/sh
# Builds tests and bench with the machine's compiler, runs both and names the instruction set that ran.
#   sh kernels/cpu/bench/run.sh [build folder] [arguments of linear_bench]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$(mktemp -d)}
[ $# -gt 0 ] && shift
cmake -S "$here" -B "$build" -DAERIE_ADDON=OFF -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$build" --parallel "$(nproc)" \
  --target linear_test adapters_test sparse_test operations_test recurrent_test linear_bench >/dev/null
grep -m 1 'model name' /proc/cpuinfo || true
"$build/linear_test"
"$build/adapters_test"
"$build/sparse_test"
"$build/operations_test"
"$build/recurrent_test"
exec "$build/linear_bench" "$@"
