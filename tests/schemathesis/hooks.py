"""What schemathesis has to know of our bodies: they are bytes."""

import schemathesis

schemathesis.serializer.alias(["application/offset+octet-stream"], "application/octet-stream")
