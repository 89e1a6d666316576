#!/usr/bin/env bash
# The commands of docs/OPERATING.md do what they say: each line of its shell blocks is run as it stands, in
# the order of the page, against a cache that runs. Names of the page stand for what there is here: its
# paths, its server, its token's id. A line that is none of ours (ssh) or that never ends (serve) is named
# in `skipped`; a block that has neither is run whole.
. "$(dirname "$0")/lib.sh"
manual=$(cd "$(dirname "$0")/../.." && pwd)/docs/OPERATING.md
start_origin
head -c 100000 /dev/urandom >"$origin_files/a.bin"
backdate
mkdir -p "$work/bin" "$work/backup" "$work/etc"
ln -s "$(realpath "$ARTIFACT_CACHE")" "$work/bin/artifact-cache"
cat >"$work/etc/config.yaml" <<YAML
storage: {base_path: $work/data/cache, database: $work/data/catalog, temporary_path: $work/data/tmp}
YAML
cache_flags=(--config "$work/etc/config.yaml")
start_cache
curl -sSf -o /dev/null "$cache/fetch?url=$origin/a.bin"
token=$("$ARTIFACT_CACHE" token create --name drill --scope '*' --data "$work/data" --json |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
echo "$token" >"$work/admin"
export ARTIFACT_CACHE_URL=$cache PATH=$work/bin:$PATH

# Each command on a line of its own, continued lines joined, comments behind it cut off.
commands() {
  awk '/^```sh/ {inside = 1; next} /^```/ {inside = 0} inside' "$manual" |
    sed -e :join -e '/&&$/{N;s/\n */ /;b join' -e '}' -e 's/  *#[^#]*$//'
}
skipped='ssh host|artifact-cache serve'
translated() {
  sed -e "s#/backup/cache#$work/backup/cache#g" -e "s#/srv/new#$work/new-$1#g" -e "s#/tmp/drill#$work/drill#g" \
    -e "s#--data /data#--data $work/authority#g" -e "s#/etc/artifact-cache#$work/etc#g" \
    -e "s#https://cache.example.com#$cache#g" -e "s#http://127.0.0.1:8080#$cache#g" -e "s#--token-file admin#--token-file $work/admin#g" \
    -e "s#https://example.com/a.bin#$origin/a.bin#g" -e "s#1f3a5b7c9d0e#${token:3:12}#g"
}
count=0 left=0
cd "$work"
while IFS= read -r command; do
  [ -n "$command" ] || continue
  if [[ $command =~ $skipped ]]; then left=$((left + 1)); continue; fi
  # The last token is ended at the end: it is the one that is used.
  if [[ $command == *"token revoke"* ]]; then revoke=$command; continue; fi
  count=$((count + 1))
  line=$(translated "$count" <<<"$command")
  # On the machine of the cache the data is named, elsewhere the server; here it is not below ./data.
  case $line in
    *backup*--url*) ;;
    *"artifact-cache backup"*)
      line="unset ARTIFACT_CACHE_URL; ${line/artifact-cache backup/artifact-cache backup --data $work/data}" ;;
    *"artifact-cache token"*) line="unset ARTIFACT_CACHE_URL; $line --data $work/data" ;;
    *"verify --all"*) line="$line --data $work/data" ;;
  esac
  if ! output=$(bash -c "$line" </dev/null 2>&1); then
    fail "$command
$line
$output"
  fi
done < <(commands)
bash -c "unset ARTIFACT_CACHE_URL; $(translated 0 <<<"$revoke") --data $work/data" >/dev/null || fail "$revoke"
[ "$count" -ge 15 ] || fail "only $count commands were found"
kill -0 "$cache_pid" || fail "the cache is gone"
cmp <(curl -sSf "$cache/fetch?url=$origin/a.bin") "$origin_files/a.bin"
echo "operating: $count commands of the manual work, $left are left out"
