#!/usr/bin/env bash
# apt-get updates and downloads through the forward proxy from a repository of one package, and downloads
# again with the origin gone. Nothing of the machine's own apt is touched.
source "$(dirname "$0")/lib.sh"

mkdir -p "$work/demo/DEBIAN" "$work/demo/usr/share/cached-demo"
cat >"$work/demo/DEBIAN/control" <<'CONTROL'
Package: cached-demo
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@example.com>
Description: a package to be cached
CONTROL
head -c 200000 /dev/urandom >"$work/demo/usr/share/cached-demo/data"
dpkg-deb --build --root-owner-group "$work/demo" "$origin_files/cached-demo_1.0_all.deb" >/dev/null
sum() { sha256sum "$1" | cut -d' ' -f1; }
(
  cd "$origin_files"
  {
    cat "$work/demo/DEBIAN/control"
    echo "Filename: ./cached-demo_1.0_all.deb"
    echo "Size: $(stat -c %s cached-demo_1.0_all.deb)"
    echo "SHA256: $(sum cached-demo_1.0_all.deb)"
  } >Packages
  {
    echo "Suite: stable"
    echo "Date: $(LC_ALL=C date -Ru)"
    echo "SHA256:"
    echo " $(sum Packages) $(stat -c %s Packages) Packages"
  } >Release
)
backdate
start_origin
start_cache

mkdir -p "$work/apt/state/lists/partial" "$work/apt/cache/archives/partial" "$work/apt/etc/preferences.d"
echo "deb [trusted=yes] $origin ./" >"$work/apt/etc/sources.list"
touch "$work/apt/status"
get() {
  apt-get -qq -o "Acquire::http::Proxy=$cache" -o Acquire::Retries=0 -o "APT::Sandbox::User=$(id -un)" \
    -o "Dir::Etc=$work/apt/etc" -o "Dir::Etc::sourcelist=sources.list" -o Dir::Etc::sourceparts=- \
    -o "Dir::State=$work/apt/state" -o "Dir::State::status=$work/apt/status" -o "Dir::Cache=$work/apt/cache" "$@"
}
download() {
  mkdir "$work/$1"
  (cd "$work/$1" && get download cached-demo)
  cmp "$work/$1/cached-demo_1.0_all.deb" "$origin_files/cached-demo_1.0_all.deb" || fail "$1: wrong bytes"
}

get update
download first
download second
[ "$(origin_sent /cached-demo_1.0_all.deb)" = 1 ] || fail "the origin sent it $(origin_sent /cached-demo_1.0_all.deb) times"
stop_origin
download third
echo "apt: ok"
