"""Checks signatures of Amazon as its documentation describes them, without botocore."""

import hashlib
import hmac
from urllib.parse import quote

KEYS = {
    "access_key_id": "AKIDEXAMPLE",
    "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "session_token": "IQoJb3JpZ2luX2VjEXAMPLE==",
}


def is_signed(request: bytes, *, region: str) -> bool:
    """Say whether the request, as it came over the wire, bears the right signature."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ")
    path, _, query = target.partition("?")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if headers["x-amz-security-token"] != KEYS["session_token"]:
        return False
    given = dict(
        part.strip().split("=", 1)
        for part in headers["authorization"]
        .removeprefix("AWS4-HMAC-SHA256 ")
        .split(",")
    )
    names = given["SignedHeaders"].split(";")
    assert {"content-type", "host", "x-amz-date", "x-amz-security-token"} <= {*names}
    canonical = "\n".join(
        [
            method,
            # Every path but those of S3 is quoted once more.
            quote(path, safe="/-_.~"),
            "&".join(sorted(query.split("&"))),
            *(f"{name}:{headers[name]}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    moment = headers["x-amz-date"]
    scope = f"{moment[:8]}/{region}/bedrock/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = b"AWS4" + KEYS["secret_access_key"].encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    credential = f"{KEYS['access_key_id']}/{scope}"
    return given["Credential"] == credential and given["Signature"] == signature
