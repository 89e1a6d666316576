#!/usr/bin/env bash
# Runs the public HTTP cache test suite (http-tests/cache-tests) against the built program, through the
# forward proxy and through a mirror. It passes when every test passes but those of misses.json.
#
#   CACHE_TESTS=<checkout with its npm dependencies> [ARTIFACT_CACHE=<program>] [CACHE_CONFIG=<file>] \
#     tests/conformance/run.sh [door…]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
CACHE_TESTS=$(cd "${CACHE_TESTS:?set it to a checkout of http-tests/cache-tests}" && pwd)
program=${ARTIFACT_CACHE:-$here/../../target/debug/artifact-cache}
port=${CACHE_PORT:-18180}
origin=${ORIGIN_PORT:-18181}
config=${CACHE_CONFIG:-$here/config.yaml}
doors=("$@")
[[ ${#doors[@]} -gt 0 ]] || doors=(forward mirror)
[[ -d $CACHE_TESTS/node_modules/undici ]] || { echo "run npm install in $CACHE_TESTS first" >&2; exit 2; }
export CACHE_TESTS

failed=0
for door in "${doors[@]}"; do
  data=$(mktemp -d)
  env -i PATH="$PATH" HOME="$HOME" "$program" serve --config "$config" --data "$data" \
    --listen "127.0.0.1:$port" --allow-cidr 127.0.0.0/8 >"$data/log" 2>&1 &
  cache=$!
  trap 'kill "$cache" 2>/dev/null || true; rm -rf "$data"' EXIT
  until (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    kill -0 "$cache" 2>/dev/null || { cat "$data/log" >&2; exit 1; }
    sleep 0.05
  done
  node "$here/run.mjs" "$door" "$port" "$origin" ${RESULTS:+"$RESULTS-$door.json"} || failed=1
  kill "$cache"
  wait "$cache" || true
  rm -rf "$data"
done
exit "$failed"
