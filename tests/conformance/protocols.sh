#!/usr/bin/env bash
# Runs the public suites for the protocols themselves against the built program: h2spec (HTTP/2, RFC 9113 and
# RFC 7541) inside TLS and h1spec (HTTP/1.1, RFC 9112) in strict mode. It passes when no further case fails than
# those that tests/README.md gives reasons for.
#
#   [H2SPEC=<program>] [H1SPEC=<checkout>] [ARTIFACT_CACHE=<program>] tests/conformance/protocols.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=${ARTIFACT_CACHE:-$here/../../target/debug/artifact-cache}
port=${CACHE_PORT:-18182}
work=$(mktemp -d)
cache=''
trap 'kill $cache 2>/dev/null || true; rm -rf "$work"' EXIT

# start <flags…>
start() {
  env -i PATH="$PATH" HOME="$HOME" "$program" serve --data "$work/data" --listen "127.0.0.1:$port" \
    --metrics-listen 127.0.0.1:0 --allow-cidr 127.0.0.0/8 "$@" >"$work/log" 2>&1 &
  cache=$!
  until (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    kill -0 "$cache" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.05
  done
}
stop() { kill "$cache"; wait "$cache" || true; }

# expect <suite> <passed> <least> <output>
expect() {
  echo "$1: $2 passed, $3 needed"
  [ "${2:-0}" -ge "$3" ] || { cat "$4"; exit 1; }
}

if [ -n "${H2SPEC:-}" ]; then
  start --tls-self-signed
  # A path that reads the body before it answers: an early answer is none of the answers that h2spec expects.
  "$H2SPEC" -t -k -h 127.0.0.1 -p "$port" -P /resolve --timeout 5 >"$work/h2spec" 2>&1 || true
  expect h2spec "$(sed -n 's/^146 tests, \([0-9]*\) passed.*/\1/p' "$work/h2spec")" 145 "$work/h2spec"
  stop
fi
if [ -n "${H1SPEC:-}" ]; then
  start
  PYTHONPATH=$H1SPEC python3 -c 'import h1spec; h1spec.main()' --strict "127.0.0.1:$port" >"$work/h1spec" 2>&1 || true
  expect h1spec "$(sed -n 's/.*[^0-9]\([0-9]*\)\/33 passed.*/\1/p' "$work/h1spec")" 32 "$work/h1spec"
  stop
fi
