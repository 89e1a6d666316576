# What the client tests share: an origin, the cache in front of it, and their end. Sourced, not run.
# Needs ARTIFACT_CACHE (the program) and python3. Everything lies in $work and on 127.0.0.1.
set -euo pipefail

: "${ARTIFACT_CACHE:?the artifact-cache program to test}"
work=$(mktemp -d)
origin_files=$work/origin
mkdir -p "$origin_files"
origin_pid='' cache_pid=''

cleanup() {
  local status=$?
  if [ "$status" != 0 ] && [ -f "$work/cache.log" ]; then tail -n 40 "$work/cache.log" >&2; fi
  for pid in $cache_pid $origin_pid; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits until a URL answers, 10 s at most.
wait_for() {
  for _ in $(seq 100); do
    if curl -sf -o /dev/null "$1"; then return; fi
    sleep 0.1
  done
  fail "$1 does not answer"
}

start_origin() {
  origin_port=$(free_port)
  origin=http://127.0.0.1:$origin_port
  python3 -m http.server "$origin_port" --bind 127.0.0.1 --directory "$origin_files" >/dev/null 2>"$work/origin.log" &
  origin_pid=$!
  wait_for "$origin/"
}

# Makes the origin's files look a year old, as files at an origin are: what changed a moment ago is not
# fresh for a moment longer.
backdate() { find "$origin_files" -exec touch -d '1 year ago' {} +; }

stop_origin() {
  kill "$origin_pid"
  wait "$origin_pid" 2>/dev/null || true
  origin_pid=''
}

# How often the origin sent a path, whole; "not modified" is not counted.
origin_sent() { grep -c "\"GET $1 HTTP/1.1\" 200 " "$work/origin.log" || true; }

start_cache() {
  local port
  port=$(free_port)
  cache=http://127.0.0.1:$port
  "$ARTIFACT_CACHE" serve --listen "127.0.0.1:$port" --metrics-listen 127.0.0.1:0 \
    --data "$work/data" --allow-cidr 127.0.0.0/8 >"$work/cache.log" 2>&1 &
  cache_pid=$!
  wait_for "$cache/healthz"
}
