#!/usr/bin/env bash
# A real store (S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) between our command line, the cache
# and boto3 (PYTHON) and the AWS command line (AWS): each reads what the others wrote.
source "$(dirname "$0")/lib.sh"
python=${PYTHON:-python3}
: "${S3_ENDPOINT:?the URL of a store}"
bucket=clients-$RANDOM$RANDOM
region=${S3_REGION:-us-east-1}
export AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION=$region ARTIFACTS_REGION=$region
export ARTIFACTS_ENDPOINT=$S3_ENDPOINT ARTIFACTS_BUCKET=$bucket
export ARTIFACTS_ACCESS_KEY=$AWS_ACCESS_KEY_ID ARTIFACTS_SECRET_KEY=$AWS_SECRET_ACCESS_KEY
s3() { "$ARTIFACT_CACHE" s3 "$@"; }
# Not every store knows the checksums in trailers that newer releases send unasked.
export AWS_REQUEST_CHECKSUM_CALCULATION=when_required AWS_RESPONSE_CHECKSUM_VALIDATION=when_required
aws_cli() { "${AWS:-aws}" --endpoint-url "$S3_ENDPOINT" "$@"; }

# boto <verb> <arguments…>
boto() {
  "$python" - "$S3_ENDPOINT" "$bucket" "$@" <<'PYTHON'
import hashlib, os, signal, sys, time
import boto3
from botocore.config import Config
endpoint, bucket, verb, *rest = sys.argv[1:]
config = Config(s3={"addressing_style": "path"})
client = boto3.client("s3", endpoint_url=endpoint, config=config)
if verb == "make":
    place = {} if client.meta.region_name == "us-east-1" else {
        "CreateBucketConfiguration": {"LocationConstraint": client.meta.region_name}}
    client.create_bucket(Bucket=bucket, **place)
elif verb == "put":
    key, path = rest
    client.upload_file(path, bucket, key, ExtraArgs={"Metadata": {"by": "boto3"}})
elif verb == "digest":
    body = client.get_object(Bucket=bucket, Key=rest[0])["Body"]
    digest = hashlib.sha256()
    for chunk in body.iter_chunks(1 << 20):
        digest.update(chunk)
    print(digest.hexdigest())
elif verb == "metadata":
    print(client.head_object(Bucket=bucket, Key=rest[0])["Metadata"].get(rest[1], ""))
elif verb == "uploads":
    print(len(client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])))
elif verb == "kill":
    # As soon as an upload is under way.
    while not client.list_multipart_uploads(Bucket=bucket).get("Uploads"):
        time.sleep(0.002)
    os.kill(int(rest[0]), signal.SIGKILL)
elif verb == "begin":
    client.create_multipart_upload(Bucket=bucket, Key=rest[0])
PYTHON
}

digest_of() { sha256sum "$1" | cut -d' ' -f1; }

boto make
s3 doctor >/dev/null

# Every kind of key, both ways, and through the cache.
head -c 100000 /dev/urandom >"$work/small"
small=$(digest_of "$work/small")
port=$(free_port)
cat >"$work/config.yaml" <<YAML
s3: {endpoints: {default: {url: "$S3_ENDPOINT", region: "$region"}, elsewhere: {url: "$S3_ENDPOINT", region: nowhere-1, buckets: ["$bucket-x"]}}}
YAML
cache=http://127.0.0.1:$port
"$ARTIFACT_CACHE" serve --config "$work/config.yaml" --listen "127.0.0.1:$port" --metrics-listen 127.0.0.1:0 \
  --data "$work/data" >"$work/cache.log" 2>&1 &
cache_pid=$!
wait_for "$cache/healthz"
for key in 'plain' 'a+b=c&d' 'a b' 'ü/ß' '100%' 'x//y' 'x/../y' 'q?v=1#f'; do
  s3 put "$work/small" "s3://$bucket/$key" --metadata by=us >/dev/null
  [ "$(boto digest "$key")" = "$small" ] || fail "boto3 read other bytes of $key"
  [ "$(boto metadata "$key" sha256)" = "$small" ] || fail "no digest beside $key"
  [ "$(boto metadata "$key" by)" = us ] || fail "no metadata beside $key"
  boto put "$key" "$work/small"
  rm -f "$work/back"
  s3 get "s3://$bucket/$key" "$work/back" >/dev/null
  cmp "$work/small" "$work/back"
  url=$(python3 -c 'import sys, urllib.parse as u
bucket, key = sys.argv[1:]
escaped = u.quote(key, safe="/")
form = f"s3://{bucket}/?key={escaped}" if ".." in key else f"s3://{bucket}/{escaped}"
print(u.quote(form, safe=""))' "$bucket" "$key")
  curl -sf -o "$work/cached" "$cache/fetch?url=$url&sha256=$small"
  cmp "$work/small" "$work/cached"
  s3 rm "s3://$bucket/$key"
done

# In parts, both ways.
head -c 110000000 /dev/urandom >"$work/large"
large=$(digest_of "$work/large")
s3 put "$work/large" large >/dev/null
[ "$(boto digest large)" = "$large" ] || fail "boto3 read other bytes of the parts"
boto put large-of-boto "$work/large"
s3 get large-of-boto "$work/back" >/dev/null
cmp "$work/large" "$work/back"
[ "$(s3 ls large | wc -l)" = 2 ] || fail "the list is not complete"

[ "$(boto metadata large sha256)" = "$large" ] || fail "no digest beside the parts"

# The AWS command line, both ways: bytes, metadata, parts, and through the cache.
for key in 'dir/plain' 'a+b=c&d' 'a b' 'ü/ß' '100%' 'x//y'; do
  s3 put "$work/small" "s3://$bucket/$key" --metadata by=us >/dev/null
  aws_cli s3 cp --quiet "s3://$bucket/$key" "$work/back"
  cmp "$work/small" "$work/back" || fail "aws read other bytes of $key"
  told=$(aws_cli s3api head-object --bucket "$bucket" --key "$key" --query 'Metadata.[by,sha256]' --output text)
  [ "$told" = "us	$small" ] || fail "aws reads the metadata of $key as $told"
  aws_cli s3 cp --quiet --metadata by=aws "$work/small" "s3://$bucket/$key"
  rm -f "$work/back"
  s3 get "s3://$bucket/$key" "$work/back" >/dev/null
  cmp "$work/small" "$work/back" || fail "other bytes than aws wrote as $key"
  s3 rm "s3://$bucket/$key"
done
aws_cli s3 cp --quiet "s3://$bucket/large" "$work/back"
cmp "$work/large" "$work/back" || fail "aws read other bytes of the parts"
aws_cli s3 cp --quiet "$work/large" "s3://$bucket/large-of-aws"
s3 get large-of-aws "$work/back" >/dev/null
cmp "$work/large" "$work/back" || fail "other bytes than aws wrote in parts"
for key in large large-of-aws large-of-boto; do
  curl -sf -o "$work/cached" "$cache/fetch?url=s3://$bucket/$key&sha256=$large"
  cmp "$work/large" "$work/cached" || fail "other bytes of $key through the cache"
done
aws_cli s3 ls "s3://$bucket/" >"$work/listed"
[ "$(s3 ls large | wc -l)" = "$(grep -c large "$work/listed")" ] || fail "the lists differ"
ARTIFACTS_VIA_CACHE=$cache ARTIFACTS_ACCESS_KEY='' s3 get large "$work/back" >/dev/null
cmp "$work/large" "$work/back" || fail "other bytes by the library through the cache"

# A path of this machine for an object.
resolved=$(curl -sSf "$cache/resolve" -H 'Content-Type: application/json' \
  -d "{\"artifact_uri\": \"s3://$bucket/large\", \"sha256\": \"$large\", \"size_bytes\": 110000000}")
path=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["local_path"])' "$resolved")
cmp "$work/large" "$path" || fail "other bytes at the resolved path"

# What is wrong is told apart.
code() { local status=0; "$@" >/dev/null 2>"$work/said" || status=$?; echo "$status"; }
[ "$(code s3 get nothing "$work/none")" = 2 ] || fail "an absent key is not 2"
[ "$(ARTIFACTS_SECRET_KEY=wrong code s3 exists large --strict)" != 0 ] || fail "a wrong secret is taken"
[ "$(ARTIFACTS_SECRET_KEY=wrong code s3 get large "$work/none")" = 3 ] || fail "a wrong secret is not 3"
[ "$(code s3 get s3://no-such-bucket-here/k "$work/none")" = 1 ] || fail "an absent bucket is not 1"

# Another region is refused by those stores that look at it; we say so and do not try forever.
if [ -n "${S3_CHECKS_REGION:-}" ]; then
  [ "$(ARTIFACTS_REGION=nowhere-1 code s3 get large "$work/none")" != 0 ] || fail "a wrong region is taken"
  grep -q "$region" "$work/said" || fail "the right region is not told: $(cat "$work/said")"
  status=$(curl -s -o "$work/said" -w '%{http_code}' "$cache/fetch?url=s3%2Belsewhere://$bucket-x/large")
  [ "$status" = 502 ] || fail "a wrong region is $status through the cache"
  grep -q "$region" "$work/said" || fail "the cache does not tell the right region: $(cat "$work/said")"
fi

# A put in parts that is killed leaves nothing to see, and its parts go with the sweep.
"$ARTIFACT_CACHE" s3 put "$work/large" killed >/dev/null 2>&1 &
put=$!
kill -STOP "$put"
boto kill "$put" &
killing=$!
sleep 2
kill -CONT "$put"
wait "$put" 2>/dev/null || true
wait "$killing"
[ "$(code s3 exists killed --strict)" = 2 ] || fail "something half-written is visible"
[ "$(boto uploads)" = 1 ] || fail "the put was not killed in the middle"
s3 doctor --sweep --older-than 0 >/dev/null
[ "$(boto uploads)" = 0 ] || fail "the parts of the killed put survived"

# An upload that nobody ended does not survive the sweep.
boto begin orphan
[ "$(boto uploads)" = 1 ] || fail "there is no orphan"
s3 doctor --sweep >/dev/null
[ "$(boto uploads)" = 1 ] || fail "what is young was swept"
s3 doctor --sweep --older-than 0 >/dev/null
[ "$(boto uploads)" = 0 ] || fail "the orphan survived"
echo "s3: ok"
