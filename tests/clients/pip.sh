#!/usr/bin/env bash
# pip installs through the forward proxy from an index that lies at the origin, and again with the
# origin gone. Needs PIP (default: pip).
source "$(dirname "$0")/lib.sh"
pip=${PIP:-pip}

make_wheel
wheel=/simple/cached-demo/cached_demo-1.0-py3-none-any.whl
backdate
start_origin
start_cache

install() {
  "$pip" --isolated --disable-pip-version-check install --quiet --no-cache-dir --retries 0 \
    --proxy "$cache" --index-url "$origin/simple" --target "$work/$1" cached-demo
  PYTHONPATH=$work/$1 python3 -c 'import cached_demo; assert cached_demo.VALUE == 42'
}

install first
install second
[ "$(origin_sent "$wheel")" = 1 ] || fail "the origin sent the wheel $(origin_sent "$wheel") times"
stop_origin
install third

# A wheel by its URL through the explicit door, checked by the cache and by pip.
digest=$(sha256sum "$origin_files$wheel" | cut -d' ' -f1)
"$pip" --isolated --disable-pip-version-check install --quiet --no-cache-dir --no-index --target "$work/fourth" \
  "$cache/fetch/http/127.0.0.1:$origin_port$wheel#sha256=$digest"
PYTHONPATH=$work/fourth python3 -c 'import cached_demo; assert cached_demo.VALUE == 42'
echo "pip: ok"
