# Packages of several kinds below $origin_files, each with the index that its client asks for. Sourced after lib.sh.

# A wheel, a tarball of npm and a crate.
make_wheel
mkdir -p "$work/package" "$work/cached-demo-1.0.0/src" "$origin_files/index/ca/ch" "$origin_files/crates/cached-demo/1.0.0"
echo '{"name": "cached-demo", "version": "1.0.0", "main": "index.js"}' >"$work/package/package.json"
echo 'module.exports = 42;' >"$work/package/index.js"
tar -C "$work" -czf "$origin_files/cached-demo-1.0.0.tgz" package
printf '[package]\nname = "cached-demo"\nversion = "1.0.0"\nedition = "2021"\n' >"$work/cached-demo-1.0.0/Cargo.toml"
echo 'pub const VALUE: u32 = 42;' >"$work/cached-demo-1.0.0/src/lib.rs"
crate=/crates/cached-demo/1.0.0/download
tar -C "$work" -czf "$origin_files$crate" cached-demo-1.0.0


# What names the origin, once it is known where that is.
publish_indexes() {
  integrity=sha512-$(openssl dgst -sha512 -binary "$origin_files/cached-demo-1.0.0.tgz" | base64 -w0)
  cat >"$origin_files/cached-demo" <<JSON
{"name": "cached-demo", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
  "name": "cached-demo", "version": "1.0.0",
  "dist": {"tarball": "$origin/cached-demo-1.0.0.tgz", "integrity": "$integrity"}}}}
JSON
  echo "{\"dl\": \"$origin/crates\"}" >"$origin_files/index/config.json"
  echo "{\"name\":\"cached-demo\",\"vers\":\"1.0.0\",\"deps\":[],\"features\":{},\"yanked\":false,\"cksum\":\"$(
  sha256sum "$origin_files$crate" | cut -d' ' -f1)\"}" >"$origin_files/index/ca/ch/cached-demo"
}

# twice <client> <what the origin sends once>: the clients that ran are in $ran.
twice() {
  "run_$1" first
  "run_$1" second
  [ "$(origin_sent "$2")" = 1 ] || fail "$1: the origin sent $2 $(origin_sent "$2") times"
  ran+=("$1")
}

ran=()
