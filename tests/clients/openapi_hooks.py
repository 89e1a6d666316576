"""What schemathesis also asks of every answer of the cache: that a failure is one that is described."""

import schemathesis


@schemathesis.serializer("application/partial-upload")
def part(context, value):
    """A part of an upload is bytes."""
    value = getattr(value, "data", value)
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.check
def described_failure(ctx, response, case):
    """500 is a failure of the cache. That an origin failed is an answer where an origin is asked."""
    status = response.status_code
    if status < 500:
        return
    named = case.operation.definition.raw.get("responses", {})
    asks_origin = "502" in named
    if status not in (502, 503, 504) or not asks_origin or str(status) not in named:
        raise AssertionError(f"{status} is no answer of this operation")
    with open("failures", "a") as seen:
        print(status, case.operation.label, file=seen)
    if case.method.upper() == "HEAD":
        return
    error = response.json()
    for key in ("error", "code", "message", "detail", "request_id"):
        if not error.get(key):
            raise AssertionError(f"the error of {status} has no {key}")
    if error.get("status") != status:
        raise AssertionError(f"the error of {status} says {error.get('status')}")


@schemathesis.hook
def map_query(context, query):
    """Some artifacts are wanted of an origin that may be asked and is not there."""
    url = (query or {}).get("url")
    if context.operation.path == "/fetch" and isinstance(url, str) and len(url) % 2:
        query["url"] = "http://origin.invalid/made-up"
    return query
