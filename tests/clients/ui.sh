#!/usr/bin/env bash
# The pages in a real browser: they render in light and dark, narrow and wide, are found accessible, load
# nothing from elsewhere, can be used with the keyboard alone and read without scripts; search finds, and
# what deletes asks first. Needs a Chromium (`CHROMIUM`), Node, and `NODE_TOOLS`, a directory whose
# node_modules have puppeteer-core and axe-core. `SHOTS` keeps the pictures.
. "$(dirname "$0")/lib.sh"
: "${NODE_TOOLS:?a directory with node_modules/puppeteer-core and node_modules/axe-core}"
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}

# An origin whose files end, and one whose download goes on for long.
start_origin
mkdir -p "$origin_files/releases/v2" "$origin_files/pypi/packages"
for n in $(seq 1 40); do
  head -c $((n * 7919)) /dev/urandom >"$origin_files/pypi/packages/library_$n-1.$n.0-py3-none-any.whl"
done
head -c 3000000 /dev/urandom >"$origin_files/releases/v2/tool-2.4.1-linux-amd64.tar.gz"
head -c 200000 /dev/urandom >"$origin_files/releases/v2/to-be-deleted.bin"
slow_port=$(free_port)
python3 - "$slow_port" <<'PYTHON' &
import http.server, sys, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(400 << 20))
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * (256 << 10))
                time.sleep(0.05)
        except OSError:
            pass
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Slow).serve_forever()
PYTHON
slow_pid=$!
trap 'kill "$slow_pid" ${slow_client:-} 2>/dev/null || true; cleanup' EXIT

cat >"$work/config.yaml" <<YAML
auth: {tokens: true}
storage: {max_bytes: 1GiB}
upstream: {max_retries: 0}
registry: {api_key: a-key-that-no-page-shows}
YAML
cache_flags=(--config "$work/config.yaml")
start_cache
token() { "$ARTIFACT_CACHE" token create --name "$1" --scope "$2" --data "$work/data" --json |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])'; }
admin=$(token admin '*')
reader=$(token reader 'admin:read')
fetch() { curl -sS -o /dev/null -H "X-API-Key: $admin" --get --data-urlencode "url=$1" "$cache/fetch"; }
for n in $(seq 1 40); do fetch "$origin/pypi/packages/library_$n-1.$n.0-py3-none-any.whl"; done
for n in $(seq 1 12); do fetch "$origin/releases/v2/tool-2.4.1-linux-amd64.tar.gz"; done
for n in 3 3 3 5 5 8 13 13; do fetch "$origin/pypi/packages/library_$n-1.$n.0-py3-none-any.whl"; done
fetch "$origin/releases/v2/to-be-deleted.bin"
fetch "$origin/releases/missing" && fetch "http://127.0.0.1:9/unreachable"
# Names that must stay text.
fetch "$origin/releases/v2/%3Cscript%3Ealert(1)%3C/script%3E?%22onload=alert(1)%20x=%22%3E%3Cimg%20src=x%3E"
curl -sS -o /dev/null -H "X-API-Key: a-key-that-no-page-shows" -H 'Content-Type: application/json' "$cache/models" \
  -d '{"name":"<b>demo</b>","version":"1","artifact_uri":"http://origin.invalid/<x>","tags":["<script>"]}'
curl -sS -o /dev/null -H "X-API-Key: $admin" -F "file=@$origin_files/releases/v2/to-be-deleted.bin" "$cache/files"
curl -sS -o /dev/null -H "X-API-Key: $admin" -H 'Content-Type: application/json' "$cache/api/v1/pins" \
  -d "{\"url\":\"$origin/releases/v2/tool-2.4.1-linux-amd64.tar.gz\",\"note\":\"needed by the air-gapped lab\"}"
curl -sS -o /dev/null -H "X-API-Key: $admin" -X POST "$cache/api/v1/verify"
curl -sS -o /dev/null -H "X-API-Key: $admin" "$cache/fetch?url=http://127.0.0.1:$slow_port/images/big-image.iso" &
slow_client=$!

shots=${SHOTS:-$work/shots}
mkdir -p "$shots"
CHROMIUM=$chromium NODE_TOOLS=$NODE_TOOLS BASE=$cache ADMIN=$admin READER=$reader SHOTS=$shots \
  node "$(dirname "$0")/ui.mjs"
echo "ui: pages work in $("$chromium" --version)"
