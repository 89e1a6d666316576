#!/usr/bin/env bash
# Clients of https through tunnels that end in the cache: each runs twice, the second run is served from
# the store, and a third one with the origin gone. curl, wget, Python and pip always; npm, Node and cargo
# where they are installed. Needs openssl; PIP as in pip.sh.
source "$(dirname "$0")/lib.sh"
pip=${PIP:-pip}
# What this machine makes its clients trust would outrank what they are told here.
unset REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR PIP_CERT NODE_EXTRA_CA_CERTS CARGO_HTTP_CAINFO \
  npm_config_cafile NPM_CONFIG_CAFILE

head -c 300000 /dev/urandom >"$origin_files/a.bin"
for name in curl wget urllib; do cp "$origin_files/a.bin" "$origin_files/$name.bin"; done

source "$(dirname "$0")/packages.sh"
start_https_origin
publish_indexes
backdate
start_intercepting_cache

same() { cmp "$1" "$origin_files/a.bin" || fail "wrong bytes: $1"; }

run_curl() {
  curl -sSf --cacert "$trusted" --proxy "$cache" -o "$work/curl.$1" "$origin/curl.bin"
  same "$work/curl.$1"
}
run_wget() {
  https_proxy=$cache wget -q --no-config --no-hsts --ca-certificate "$trusted" -O "$work/wget.$1" "$origin/wget.bin"
  same "$work/wget.$1"
}
run_urllib() {
  https_proxy=$cache no_proxy='' SSL_CERT_FILE=$trusted python3 -c '
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())' "$origin/urllib.bin" >"$work/urllib.$1"
  same "$work/urllib.$1"
}
run_pip() {
  "$pip" --isolated --disable-pip-version-check install --quiet --no-cache-dir --retries 0 --cert "$trusted" \
    --proxy "$cache" --index-url "$origin/simple" --target "$work/pip.$1" cached-demo
  PYTHONPATH=$work/pip.$1 python3 -c 'import cached_demo; assert cached_demo.VALUE == 42'
}
run_npm() {
  mkdir "$work/npm.$1"
  echo '{"name": "user", "version": "1.0.0"}' >"$work/npm.$1/package.json"
  (cd "$work/npm.$1" && HOME=$work/npm.$1 NO_PROXY='' npm install --silent --no-audit --no-fund --no-update-notifier \
    --fetch-retries 0 --cache "$work/npm.$1/cache" --registry "$origin/" --https-proxy "$cache" --cafile "$trusted" cached-demo)
  [ "$(node -p "require('$work/npm.$1/node_modules/cached-demo')")" = 42 ] || fail "npm $1: not installed"
}
run_cargo() {
  mkdir -p "$work/cargo.$1/src" "$work/cargo.$1/home"
  touch "$work/cargo.$1/src/lib.rs"
  printf '[package]\nname = "user"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\ncached-demo = { version = "1", registry = "demo" }\n[workspace]\n' \
    >"$work/cargo.$1/Cargo.toml"
  printf '[registries.demo]\nindex = "sparse+%s/index/"\n[http]\nproxy = "%s"\ncainfo = "%s"\n[net]\nretry = 0\n' \
    "$origin" "$cache" "$trusted" >"$work/cargo.$1/home/config.toml"
  (cd "$work/cargo.$1" && CARGO_HOME="$work/cargo.$1/home" NO_PROXY='' cargo fetch --quiet)
}

twice curl /curl.bin
twice wget /wget.bin
twice urllib /urllib.bin
twice pip /simple/cached-demo/cached_demo-1.0-py3-none-any.whl
if command -v npm >/dev/null; then twice npm /cached-demo-1.0.0.tgz; fi
if command -v cargo >/dev/null; then twice cargo "$crate"; fi

stop_origin
for client in "${ran[@]}"; do "run_$client" third; done

# One that does not trust the cache fails once, and is left alone from then on: the next failure is the
# origin's, which is gone.
status=0
curl -s --proxy "$cache" -o /dev/null "$origin/curl.bin" || status=$?
[ "$status" = 60 ] || fail "a client that trusts nobody refuses the certificate, curl says $status"
curl -s --cacert "$trusted" --proxy "$cache" -o /dev/null "$origin/curl.bin" && fail "the tunnel passes after a refusal"
echo "${ran[*]} over https: ok"
