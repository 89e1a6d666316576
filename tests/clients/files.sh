#!/usr/bin/env bash
# Uploads, pointers and paths as the workers, inference services and model servers use them: curl, a plain
# Python client that resumes and compares the entity tag as it stands, and our own command line.
source "$(dirname "$0")/lib.sh"

export API_UPLOAD_KEYS=worker-key API_READ_KEYS=reader-key,worker-key
export ARTIFACT_ALLOW_LOCAL_PATHS=1 ARTIFACT_ALLOWED_PATH_PREFIXES=$work/models
mkdir -p "$work/models"
start_cache

# json <expression>: of the document on standard input, as `it`.
json() { python3 -c "import json, sys; it = json.load(sys.stdin); print($1)"; }

# A worker: archives a directory, uploads it, records the pointer.
mkdir -p "$work/out"
head -c 3000000 /dev/urandom >"$work/out/model.safetensors"
echo '{"run_id": "run-1"}' >"$work/out/manifest.json"
tar -C "$work" -czf "$work/run-1.tar.gz" out
digest=$(sha256sum "$work/run-1.tar.gz" | cut -d' ' -f1)
status=$(curl -s -o /dev/null -w '%{http_code}' -F "file=@$work/run-1.tar.gz" "$cache/files")
[ "$status" = 401 ] || fail "without a key it is 401, not $status"
status=$(curl -s -o /dev/null -w '%{http_code}' -H 'X-API-Key: other' -F "file=@$work/run-1.tar.gz" "$cache/files")
[ "$status" = 403 ] || fail "with a wrong key it is 403, not $status"
id=$(curl -sSf -H 'X-API-Key: worker-key' -F "file=@$work/run-1.tar.gz;type=application/gzip" "$cache/files" | json "it['file_id']")
[ "$id" = "$digest" ] || fail "the id is the digest"
base64_digest=$(openssl dgst -sha256 -binary "$work/run-1.tar.gz" | base64)
curl -sSf -o /dev/null -H 'X-API-Key: worker-key' -H 'Content-Type: application/gzip' \
  -H "Content-Digest: sha-256=:$base64_digest:" --data-binary "@$work/run-1.tar.gz" "$cache/files"
curl -sSf -o /dev/null -X PUT -H 'X-API-Key: worker-key' \
  -d "{\"storage\": \"data-bank\", \"file_id\": \"$id\"}" "$cache/runs/run-1/artifact"

# An inference service: from the pointer to the bytes, with a break in between.
CACHE=$cache KEY=reader-key OUT=$work/pulled.tar.gz python3 - <<'PYTHON'
import hashlib, json, os, urllib.request

base, key = os.environ["CACHE"], os.environ["KEY"]

def ask(path, method="GET", **fields):
    request = urllib.request.Request(base + path, method=method, headers={"X-API-Key": key, **fields})
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30)

pointer = json.load(ask("/runs/run-1/artifact"))
assert set(pointer) == {"storage", "file_id"} and pointer["storage"] == "data-bank", pointer
path = "/files/" + pointer["file_id"]
head = ask(path, "HEAD")
size = int(head.headers["Content-Length"])
assert head.headers["Accept-Ranges"] == "bytes"
with open(os.environ["OUT"], "wb") as out:
    out.write(ask(path).read(1_000_000))
    out.flush()
    rest = ask(path, Range=f"bytes={out.tell()}-")
    assert rest.status == 206, rest.status
    out.write(rest.read())
digest = hashlib.sha256(open(os.environ["OUT"], "rb").read()).hexdigest()
assert os.path.getsize(os.environ["OUT"]) == size
assert head.headers["ETag"] == digest == json.load(ask(path + "/info"))["sha256"]
PYTHON
cmp "$work/pulled.tar.gz" "$work/run-1.tar.gz" || fail "other bytes came back"

# The same by our command line, with the variables of the worker.
export APP__DATA_BANK_API_URL=$cache APP__DATA_BANK_API_KEY=worker-key
"$ARTIFACT_CACHE" upload-dir "$work/out" --name run-2 --run run-2 >"$work/pointer" 2>"$work/said"
grep -q '"artifact_uploaded"' "$work/said" || fail "the upload is not logged"
[ "$(json "it['storage']" <"$work/pointer")" = data-bank ] || fail "no pointer was printed"
"$ARTIFACT_CACHE" pull-run run-2 -C "$work/inference" >/dev/null
cmp "$work/inference/run-2/model.safetensors" "$work/out/model.safetensors" || fail "wrong bytes by pull-run"

# A signed URL needs no key.
url=$(curl -sSf -H 'X-API-Key: reader-key' -d "{\"scope\": \"read\", \"file_id\": \"$id\"}" "$cache/files:sign" | json "it['url']")
curl -sSf -o "$work/signed" "$url"
cmp "$work/signed" "$work/run-1.tar.gz" || fail "wrong bytes by a signed URL"

# A model server: a path on this machine, verified.
head -c 100000 /dev/urandom >"$work/models/checkpoint.pt"
sha256=$(sha256sum "$work/models/checkpoint.pt" | cut -d' ' -f1)
answer=$(curl -sSf -H 'Content-Type: application/json' "$cache/resolve" \
  -d "{\"artifact_uri\": \"$work/models/checkpoint.pt\", \"sha256\": \"$sha256\", \"size_bytes\": 100000}")
cmp "$(json "it['local_path']" <<<"$answer")" "$work/models/checkpoint.pt" || fail "wrong path"
[ "$(json "it['cached']" <<<"$answer")" = True ] || fail "a local file is always there"
[ "$(curl -sf "$cache/health" | json "it['allow_local_paths']")" = True ] || fail "health does not tell"
echo "files, pointers, paths: ok"
