#!/usr/bin/env bash
# The playbooks of deploy/ansible against a cache: names, checksums, second run, check mode, errors.
# Needs ANSIBLE_PLAYBOOK (default: ansible-playbook).
source "$(dirname "$0")/lib.sh"
playbook=${ANSIBLE_PLAYBOOK:-ansible-playbook}
examples=$(cd "$(dirname "$0")/../../deploy/ansible" && pwd)
export ANSIBLE_LOCALHOST_WARNING=False ANSIBLE_INVENTORY_UNPARSED_WARNING=False ANSIBLE_HOME=$work/ansible
export ANSIBLE_ROLES_PATH=$examples/roles

python=$(python3 -c 'import sys; print(sys.executable)')

echo 'a jar' >"$origin_files/app.jar"
digest=$(sha256sum "$origin_files/app.jar" | cut -d' ' -f1)
backdate
start_origin
start_cache
mkdir "$work/dest"

# play <file> [more]: runs a playbook; its recap is in $work/recap.
play() {
  local file=$1
  shift
  "$playbook" -i localhost, -c local "$examples/$file" "$@" -e "ansible_python_interpreter=$python" \
    -e "artifactcache_url=$cache" -e "artifact_url=$origin/app.jar" -e "app_dir=$work/dest" \
    >"$work/recap" 2>&1
}
expect() { grep -q "$1" "$work/recap" || { cat "$work/recap" >&2; fail "$2"; }; }

play simple.yml -e "dest=$work/dest/" || { cat "$work/recap" >&2; fail "simple.yml"; }
expect 'changed=1' "the first run downloads"
[ -f "$work/dest/app.jar" ] || fail "a directory gets the artifact's name: $(ls "$work/dest")"
play simple.yml -e "dest=$work/dest/" || fail "simple.yml again"
expect 'changed=0' "a second run changes nothing"

rm "$work/dest/app.jar"
play checksum.yml -e "artifact_checksum=$digest" --check || { cat "$work/recap" >&2; fail "check mode"; }
expect 'changed=1' "check mode says what would change"
[ ! -e "$work/dest/app.jar" ] || fail "check mode writes nothing"
play checksum.yml -e "artifact_checksum=$digest" || { cat "$work/recap" >&2; fail "checksum.yml"; }
expect 'changed=1' "a download with a checksum"
play checksum.yml -e "artifact_checksum=$digest" || fail "checksum.yml again"
expect 'changed=0' "a second run with a checksum changes nothing"
[ "$(origin_sent /app.jar)" = 1 ] || fail "the origin sent it $(origin_sent /app.jar) times"

rm "$work/dest/app.jar"
if play checksum.yml -e "artifact_checksum=${digest//[0-9]/0}"; then fail "a wrong checksum passes"; fi
[ ! -e "$work/dest/app.jar" ] || fail "a wrong checksum leaves no file"

cat >"$work/artifacts.json" <<JSON
{"artifacts": [
  {"url": "$origin/app.jar", "dest": "$work/dest/with.jar", "checksum": "$digest"},
  {"url": "$origin/app.jar", "dest": "$work/dest/without.jar"}
]}
JSON
# The same module through the forward proxy: the URL is the origin's own.
ansible=$(dirname "$(command -v "$playbook")")/ansible
proxied() {
  http_proxy=$cache "$ansible" localhost -i localhost, -c local -e "ansible_python_interpreter=$python" \
    -m ansible.builtin.get_url -a "url=$origin/app.jar dest=$work/dest/proxied.jar checksum=sha256:$digest" "$@" \
    >"$work/recap" 2>&1 || { cat "$work/recap" >&2; fail "get_url through the proxy"; }
}
proxied --check
expect CHANGED "check mode says what would change"
[ ! -e "$work/dest/proxied.jar" ] || fail "check mode writes nothing"
proxied
expect CHANGED "a download through the proxy"
proxied
expect '"changed": false' "a second run through the proxy changes nothing"
[ "$(origin_sent /app.jar)" = 1 ] || fail "the origin sent it $(origin_sent /app.jar) times"

stop_origin
rm "$work/dest/proxied.jar"
proxied
cmp "$work/dest/proxied.jar" "$origin_files/app.jar" || fail "wrong bytes through the proxy"
rm -f "$work/dest/app.jar"
play checksum.yml -e "artifact_checksum=$digest" || { cat "$work/recap" >&2; fail "checksum.yml with the origin gone"; }
expect 'changed=1' "a download with the origin gone"
play role.yml -e "@$work/artifacts.json" || { cat "$work/recap" >&2; fail "role.yml with the origin gone"; }
cmp "$work/dest/with.jar" "$work/dest/without.jar" || fail "wrong bytes"
echo "ansible: ok"
