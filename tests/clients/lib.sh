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
origin_sent() { grep -c "\"GET $1 HTTP/1.[01]\" 200 " "$work/origin.log" || true; }

start_cache() {
  local port
  port=$(free_port)
  cache=http://127.0.0.1:$port
  "$ARTIFACT_CACHE" serve --listen "127.0.0.1:$port" --metrics-listen 127.0.0.1:0 \
    --data "$work/data" --allow-cidr 127.0.0.0/8 ${cache_flags[@]+"${cache_flags[@]}"} >"$work/cache.log" 2>&1 &
  cache_pid=$!
  wait_for "$cache/healthz"
}

# An origin of https with a certificate authority of its own, as start_origin is one of http.
start_https_origin() {
  origin_port=$(free_port)
  origin=https://localhost:$origin_port
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=origin authority' \
    -addext 'basicConstraints=critical,CA:true' -addext 'keyUsage=critical,keyCertSign' \
    -keyout "$work/origin-ca.key" -out "$work/origin-ca.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' \
    -keyout "$work/origin.key" -out "$work/origin.csr" 2>/dev/null
  openssl x509 -req -in "$work/origin.csr" -CA "$work/origin-ca.pem" -CAkey "$work/origin-ca.key" -days 2 \
    -extfile <(echo 'subjectAltName=DNS:localhost') -out "$work/origin.pem" 2>/dev/null
  python3 - "$origin_port" "$origin_files" "$work" 2>"$work/origin.log" <<'PYTHON' &
import functools, http.server, ssl, sys
port, files, work = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{work}/origin.pem", f"{work}/origin.key")
class Server(http.server.ThreadingHTTPServer):
    # A client that does not shake hands holds its own thread only.
    def process_request_thread(self, request, address):
        try:
            request = context.wrap_socket(request, server_side=True)
        except OSError:
            return self.shutdown_request(request)
        super().process_request_thread(request, address)
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=files)
Server(("127.0.0.1", port), handler).serve_forever()
PYTHON
  origin_pid=$!
  for _ in $(seq 100); do
    if curl -sf -o /dev/null --cacert "$work/origin-ca.pem" "$origin/"; then return; fi
    sleep 0.1
  done
  fail "$origin does not answer"
}

# A cache that ends tunnels to localhost, and the file of what its clients must trust: $trusted.
start_intercepting_cache() {
  local hosts=()
  for host in localhost ${authority_hosts[@]+"${authority_hosts[@]}"}; do hosts+=(--host "$host"); done
  "$ARTIFACT_CACHE" ca init --data "$work/data" "${hosts[@]}" >/dev/null
  trusted=$work/trusted.pem
  "$ARTIFACT_CACHE" ca export --data "$work/data" --out "$trusted" >/dev/null
  export ARTIFACT_CACHE__INTERCEPT__ENABLED=true
  export ARTIFACT_CACHE__UPSTREAM__EXTRA_CA=$work/origin-ca.pem
  export ARTIFACT_CACHE__PROXY__CONNECT_PORTS=443,1024-65535
  start_cache
}

# A wheel below $origin_files and the index that pip asks for: a wheel is a zip file with a module and its metadata.
make_wheel() {
  python3 - "$origin_files" <<'PYTHON'
import pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1]) / "simple" / "cached-demo"
folder.mkdir(parents=True)
name, info = "cached_demo-1.0-py3-none-any.whl", "cached_demo-1.0.dist-info"
files = {
    "cached_demo.py": "VALUE = 42\n",
    f"{info}/METADATA": "Metadata-Version: 2.1\nName: cached-demo\nVersion: 1.0\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
with zipfile.ZipFile(folder / name, "w") as wheel:
    for path, text in files.items():
        wheel.writestr(path, text)
(folder / "index.html").write_text(f'<!DOCTYPE html><html><body><a href="{name}">{name}</a></body></html>')
PYTHON
}
