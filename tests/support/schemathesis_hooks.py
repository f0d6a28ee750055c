"""What schemathesis must be told of our media types: SCHEMATHESIS_HOOKS names this file."""

import schemathesis


@schemathesis.serializer("application/x-ndjson", "application/partial-upload")
def as_bytes(_context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
