#!/usr/bin/env bash
# What `setup` writes is read by the tools themselves: each is asked for the proxy that it would use.
source "$(dirname "$0")/lib.sh"
pip=${PIP:-pip}
home=$work/home proxy=http://cache.example.com:8080
mkdir -p "$home"
write() { HOME=$home "$ARTIFACT_CACHE" setup "$1" --write --url "$proxy" "${@:2}" >/dev/null; }
# says <name> <command…>: the command's output names the proxy.
says() { HOME=$home "${@:2}" 2>&1 | grep -q 'cache.example.com' || fail "$1 does not read what was written"; }

write pip
says pip env -u PIP_CONFIG_FILE "$pip" config get global.proxy
if command -v git >/dev/null; then
  write git
  says git git config --global http.proxy
fi
if command -v npm >/dev/null; then
  write npm
  says npm npm config get https-proxy
fi
if command -v apt-config >/dev/null; then
  write apt --file "$work/apt.conf"
  says apt env APT_CONFIG="$work/apt.conf" apt-config dump Acquire::https::Proxy
fi
write cargo
python3 - "$home/.cargo/config.toml" <<'PYTHON'
import sys
try:
    import tomllib
except ImportError:  # before Python 3.11
    sys.exit()
assert tomllib.load(open(sys.argv[1], "rb"))["http"]["proxy"] == "http://cache.example.com:8080"
PYTHON
write maven
python3 -c 'import sys, xml.dom.minidom as x; assert len(x.parse(sys.argv[1]).getElementsByTagName("proxy")) == 2' "$home/.m2/settings.xml"

# curl and wget read the proxy that is really there, and fetch through it twice.
echo artifact >"$origin_files/a"
backdate
start_origin
start_cache
for tool in curl wget; do
  HOME=$home "$ARTIFACT_CACHE" setup "$tool" --write --url "$cache" >/dev/null
done
for _ in 1 2; do
  HOME=$home curl -sSf --noproxy '' "$origin/a" | cmp - "$origin_files/a"
  HOME=$home wget -q -e no_proxy= -O - "$origin/a" | cmp - "$origin_files/a"
done
[ "$(origin_sent /a)" = 1 ] || fail "the origin sent the artifact $(origin_sent /a) times"
eval "$("$ARTIFACT_CACHE" env --url "$cache")"
[ "$https_proxy" = "$cache" ] || fail "the variables do not name the cache"
echo "setup: ok"
