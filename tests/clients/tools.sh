#!/usr/bin/env bash
# Further clients of https, told of the cache by nothing but what `artifact-cache env` prints: each runs twice, the
# second run is served from the store, and a third one with the origin gone. Those that are not installed are left out.
# ANSIBLE and UV name the programs of a virtual environment.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/packages.sh"
unset REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR PIP_CERT NODE_EXTRA_CA_CERTS CARGO_HTTP_CAINFO \
  npm_config_cafile NPM_CONFIG_CAFILE
ansible=${ANSIBLE:-ansible} uv=${UV:-uv}
export HOME=$work/home
mkdir -p "$HOME"

head -c 300000 /dev/urandom >"$origin_files/node.bin"
cp "$origin_files/node.bin" "$origin_files/ansible.bin"

# A module as a Go proxy has it, a gem with its index, and a repository as plain files.
module=cached.example/demo version=v1.0.0
go_files=$origin_files/goproxy/$module/@v
mkdir -p "$go_files" "$work/go/$module@$version"
echo "module $module" | tee "$go_files/$version.mod" >"$work/go/$module@$version/go.mod"
echo 'package demo' >"$work/go/$module@$version/demo.go"
echo "{\"Version\": \"$version\", \"Time\": \"2020-01-01T00:00:00Z\"}" >"$go_files/$version.info"
echo "$version" >"$go_files/list"
python3 - "$work/go" "$go_files/$version.zip" <<'PYTHON'
import pathlib, sys, zipfile
root = pathlib.Path(sys.argv[1])
with zipfile.ZipFile(sys.argv[2], "w") as archive:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            archive.write(path, path.relative_to(root))
PYTHON
if command -v gem >/dev/null; then
  mkdir -p "$work/gem/lib" "$origin_files/gems/gems"
  echo 'VALUE = 42' >"$work/gem/lib/cached_demo.rb"
  cat >"$work/gem/cached_demo.gemspec" <<'RUBY'
Gem::Specification.new do |gem|
  gem.name, gem.version, gem.authors = "cached_demo", "1.0.0", ["nobody"]
  gem.summary = "a gem"
  gem.files = ["lib/cached_demo.rb"]
end
RUBY
  (cd "$work/gem" && gem build --silent -o "$origin_files/gems/gems/cached_demo-1.0.0.gem" cached_demo.gemspec 2>/dev/null)
  gem generate_index --silent --directory "$origin_files/gems" >/dev/null
fi
if command -v git >/dev/null; then
  git init -q -b main "$work/repository"
  echo text >"$work/repository/file"
  git -C "$work/repository" add file
  git -C "$work/repository" -c user.name=n -c user.email=e@example.com commit -q -m first
  git clone -q --bare "$work/repository" "$origin_files/repository.git"
  git -C "$origin_files/repository.git" update-server-info
fi

start_https_origin
publish_indexes
backdate
# Go takes no proxy for localhost: it asks for another name, which stands for the same place.
echo "upstream: {rewrite: [{from: 'https://packages.example.com/', to: '$origin/'}]}" >"$work/config.yaml"
cache_flags=(--config "$work/config.yaml")
authority_hosts=(packages.example.com)
start_intercepting_cache
eval "$("$ARTIFACT_CACHE" env --url "$cache" --data "$work/data")"
export no_proxy='' NO_PROXY=''

run_node() {
  node - "$origin/node.bin" >"$work/node.$1" <<'JAVASCRIPT'
const http = require('http')
const tls = require('tls')
const url = new URL(process.argv[2])
const proxy = new URL(process.env.https_proxy)
http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: url.host }).on('connect', (answer, socket) => {
  if (answer.statusCode !== 200) throw new Error(answer.statusMessage)
  const agent = new (require('https').Agent)()
  agent.createConnection = () => tls.connect({ socket, servername: url.hostname })
  require('https').get(url, { agent }, response => response.pipe(process.stdout))
}).end()
JAVASCRIPT
  cmp "$work/node.$1" "$origin_files/node.bin"
}
run_ansible() {
  "$ansible" localhost -i localhost, -c local -e "ansible_python_interpreter=$(command -v python3)" \
    -m ansible.builtin.get_url -a "url=$origin/ansible.bin dest=$work/ansible.$1" >"$work/ansible.log" 2>&1 \
    || { cat "$work/ansible.log" >&2; fail "ansible $1"; }
  cmp "$work/ansible.$1" "$origin_files/ansible.bin"
}
run_uv() {
  "$uv" pip install --quiet --no-cache --no-config --python "$(command -v python3)" --index-url "$origin/simple" \
    --target "$work/uv.$1" cached-demo
  PYTHONPATH=$work/uv.$1 python3 -c 'import cached_demo; assert cached_demo.VALUE == 42'
}
node_project() {
  mkdir -p "$work/$1"
  echo '{"name": "user", "version": "1.0.0", "private": true}' >"$work/$1/package.json"
  cd "$work/$1"
}
run_pnpm() {
  (node_project "pnpm.$1" && pnpm add --silent --registry "$origin/" --store-dir "$work/pnpm.$1/store" \
    --config.cache-dir="$work/pnpm.$1/cache" --config.fetch-retries=0 cached-demo >"$work/pnpm.log" 2>&1) \
    || { cat "$work/pnpm.log" >&2; fail "pnpm $1"; }
  [ "$(node -p "require('$work/pnpm.$1/node_modules/cached-demo')")" = 42 ] || fail "pnpm $1: not installed"
}
run_yarn() {
  (node_project "yarn.$1" && yarn add --silent --no-lockfile --registry "$origin/" \
    --cache-folder "$work/yarn.$1/cache" cached-demo >"$work/yarn.log" 2>&1) || { cat "$work/yarn.log" >&2; fail "yarn $1"; }
  [ "$(node -p "require('$work/yarn.$1/node_modules/cached-demo')")" = 42 ] || fail "yarn $1: not installed"
}
run_go() {
  mkdir -p "$work/go.$1"
  (cd "$work/go.$1" && GOPATH=$work/go.$1 GOCACHE=$work/go.$1/cache GOFLAGS=-modcacherw GONOSUMDB='*' GOSUMDB=off \
    GOPROXY=https://packages.example.com/goproxy go mod download "$module@$version")
  [ -f "$work/go.$1/pkg/mod/$module@$version/demo.go" ] || fail "go $1: not there"
}
run_gem() {
  gem install --silent --no-document --clear-sources --source "$origin/gems/" --install-dir "$work/gem.$1" cached_demo
  [ -f "$work/gem.$1/gems/cached_demo-1.0.0/lib/cached_demo.rb" ] || fail "gem $1: not installed"
}
run_git() {
  git clone -q "$origin/repository.git" "$work/git.$1"
  [ "$(cat "$work/git.$1/file")" = text ] || fail "git $1: not cloned"
}

object=$(git -C "$work/repository" rev-parse HEAD 2>/dev/null || true)
for client in "node /node.bin" "ansible /ansible.bin" "uv /simple/cached-demo/cached_demo-1.0-py3-none-any.whl" \
  "pnpm /cached-demo-1.0.0.tgz" "yarn /cached-demo-1.0.0.tgz" "go /goproxy/$module/@v/$version.zip" \
  "gem /gems/gems/cached_demo-1.0.0.gem" "git /repository.git/objects/${object:0:2}/${object:2}"; do
  read -r name path <<<"$client"
  program=$name
  if [ "$name" = ansible ]; then program=$ansible; elif [ "$name" = uv ]; then program=$uv; fi
  if command -v "$program" >/dev/null; then twice "$name" "$path"; else echo "SKIPPED: there is no $name"; fi
done

stop_origin
# git asks with `no-cache`, which forbids to answer from the store when the origin does not.
for client in "${ran[@]}"; do [ "$client" = git ] || "run_$client" third; done
echo "${ran[*]} over https: ok"
