#!/usr/bin/env bash
# npm installs through the forward proxy from a registry of static files, and again with the origin gone.
source "$(dirname "$0")/lib.sh"

mkdir "$work/package"
echo '{"name": "cached-demo", "version": "1.0.0", "main": "index.js"}' >"$work/package/package.json"
echo 'module.exports = 42;' >"$work/package/index.js"
tar -C "$work" -czf "$origin_files/cached-demo-1.0.0.tgz" package
start_origin
start_cache
integrity=sha512-$(openssl dgst -sha512 -binary "$origin_files/cached-demo-1.0.0.tgz" | base64 -w0)
cat >"$origin_files/cached-demo" <<JSON
{"name": "cached-demo", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
  "name": "cached-demo", "version": "1.0.0",
  "dist": {"tarball": "$origin/cached-demo-1.0.0.tgz", "integrity": "$integrity"}}}}
JSON
backdate

install() {
  mkdir "$work/$1"
  echo '{"name": "user", "version": "1.0.0"}' >"$work/$1/package.json"
  # A cache and a home of its own: every byte comes through the proxy.
  (cd "$work/$1" && HOME=$work/$1 NO_PROXY='' npm install --silent --no-audit --no-fund --no-update-notifier \
    --fetch-retries 0 --cache "$work/$1/cache" --registry "$origin/" --proxy "$cache" cached-demo)
  [ "$(node -p "require('$work/$1/node_modules/cached-demo')")" = 42 ] || fail "$1: not installed"
}

install first
install second
[ "$(origin_sent /cached-demo-1.0.0.tgz)" = 1 ] || fail "the origin sent it $(origin_sent /cached-demo-1.0.0.tgz) times"
stop_origin
install third
echo "npm: ok"
