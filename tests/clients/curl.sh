#!/usr/bin/env bash
# curl and wget through both doors, with the origin up and down.
source "$(dirname "$0")/lib.sh"

head -c 300000 /dev/urandom >"$origin_files/a.bin"
digest=$(sha256sum "$origin_files/a.bin" | cut -d' ' -f1)
start_origin
start_cache

# fetch <URL> [more of curl]: X-Cache-Status of a download that must have the right bytes.
fetch() {
  curl -sSf -D "$work/head" -o "$work/got" "$@"
  cmp "$work/got" "$origin_files/a.bin" || fail "wrong bytes: $*"
  tr -d '\r' <"$work/head" | awk 'tolower($1) == "x-cache-status:" {print $2}'
}

[ "$(fetch "$cache/fetch?url=$origin/a.bin")" = MISS ] || fail "the first download is a miss"
[ "$(fetch "$cache/fetch?url=$origin/a.bin")" = HIT ] || fail "the second download is a hit"
grep -qi "^x-content-sha256: $digest" "$work/head" || fail "the digest is announced"
[ "$(fetch "$cache/fetch?url=$origin/a.bin&sha256=$digest")" = HIT ] || fail "the right pin is a hit"
fetch "$cache/fetch/http/127.0.0.1:$origin_port/a.bin" >/dev/null
fetch "$cache/cas/sha256/$digest" >/dev/null
fetch --proxy "$cache" "$origin/a.bin" >/dev/null

status=$(curl -s -o "$work/error" -w '%{http_code}' "$cache/fetch?url=$origin/a.bin&sha256=${digest//[0-9]/0}")
[ "$status" = 409 ] || fail "a wrong pin is 409, not $status"
status=$(curl -s -o /dev/null -w '%{http_code}' "$cache/fetch?url=$origin/none")
[ "$status" = 502 ] || fail "what the origin does not have is 502, not $status"
[ "$(curl -sf -r 1000-1999 "$cache/fetch?url=$origin/a.bin" | wc -c)" = 1000 ] || fail "a range has its length"

stop_origin
[ "$(fetch "$cache/fetch?url=$origin/a.bin")" = HIT ] || fail "a hit needs no origin"
fetch --proxy "$cache" "$origin/a.bin" >/dev/null
http_proxy=$cache wget -q --no-config -O "$work/wget" "$origin/a.bin"
cmp "$work/wget" "$origin_files/a.bin" || fail "wrong bytes by wget"
status=$(curl -s -o /dev/null -w '%{http_code}' "$cache/fetch?url=$origin/b.bin")
[ "$status" = 503 ] || fail "an origin that is down is 503, not $status"
echo "curl, wget: ok"
