#!/usr/bin/env bash
# Requests made up from /openapi.json, by schemathesis: no answer may be a failure of the cache, and every
# answer must be as described. `SCHEMATHESIS` names the program, `EXAMPLES` how many requests an operation
# gets, `ARTIFACT_CACHE` the cache.
set -euo pipefail
dir=$(mktemp -d)
cache=
trap 'kill "$cache" 2>/dev/null || true; wait 2>/dev/null; rm -rf "$dir"' EXIT
cat >"$dir/config.yaml" <<YAML
server: {host: 127.0.0.1, port: 0}
egress: {allow_hosts: [origin.invalid]}
registry: {api_key: dev}
webhooks: {endpoints: {nobody: {url: "http://127.0.0.1:9/", secret: s}}, first_wait: 1ms, attempts: 2}
YAML
: >"$dir/log" # there before it is looked into
CAIA_REGISTRY_API_KEY=dev "$ARTIFACT_CACHE" serve --config "$dir/config.yaml" --data "$dir/data" \
  --metrics-listen 127.0.0.1:0 >"$dir/log" 2>&1 &
cache=$!
address=
for _ in $(seq 300); do
  address=$(sed -n 's/.*"address":"\([^"]*\)","listener":"main".*/\1/p' "$dir/log")
  [ -n "$address" ] && break
  sleep 0.1
done
[ -n "$address" ] || { cat "$dir/log" >&2; exit 1; }

# Something that is there, so that not every request is for what is not.
for version in 1 2 3; do
  curl -fsS -H "X-API-Key: dev" -H "Content-Type: application/json" -o /dev/null "http://$address/models" \
    -d "{\"name\":\"demo\",\"version\":\"$version\",\"artifact_uri\":\"http://origin.invalid/$version\",
      \"checkpoint_sha256\":\"$(printf "%064d" "$version")\"}"
done

# 500 is always a finding; that an origin failed is none where the description says that one is asked.
hooks=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/openapi_hooks.py
cd "$dir"
made_up() {
  SCHEMATHESIS_HOOKS=$hooks "${SCHEMATHESIS:-schemathesis}" run "http://$address/openapi.json" \
    --header "X-API-Key: dev" \
    --checks described_failure,status_code_conformance,content_type_conformance,response_schema_conformance \
    --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-20}" --generation-database none \
    --seed "${SEED:-1}" --workers 1 --request-timeout 20 --suppress-health-check all --no-color >"$dir/report" && status=0 || status=$?
  cat "$dir/report"
  return "$status"
}

# A finding ends it. A connection that broke on a busy machine is no finding; twice in a row it is.
if ! made_up; then
  if grep -q '= FAILURES =' "$dir/report"; then exit 1; fi
  echo "once more: no finding, but an error"
  made_up
fi
kill -0 "$cache"
# Origins did fail, so that the check of failures had something to check.
sort failures | uniq -c
if grep panicked "$dir/log"; then exit 1; fi
