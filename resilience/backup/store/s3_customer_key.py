"""SSE-C: a file with an AES-256 key of the user's own, as S3's requests carry it.

The file holds 32 bytes, or these in base64. The key is in no message and no URL, and is sent over
TLS alone, except to this machine.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from resilience.backup.format.errors import BadRequest

_SIZE = 32
_HERE = ("127.0.0.1", "::1", "localhost")


def customer_key(url: str, file: str, endpoint: str | None) -> dict[str, Any]:
    """Arguments for boto3; {} for no file. `BadRequest` when it holds no such key, and when the
    key would be sent in the clear."""
    if not file:
        return {}
    target = urlsplit(endpoint or "https:")
    if target.scheme != "https" and target.hostname not in _HERE:
        raise BadRequest(
            f"store {url!r}: sse_c would send its key to {endpoint} in the clear; expected https"
        )
    try:
        held = Path(file).read_bytes()
    except OSError as problem:
        raise BadRequest(
            f"store {url!r}: sse_c={file} cannot be read: {problem.strerror}; expected a file with "
            "a key"
        ) from problem
    key = held if len(held) == _SIZE else _decoded(held)
    if len(key) != _SIZE:
        raise BadRequest(
            f"store {url!r}: sse_c={file} holds {len(held)} bytes; expected {_SIZE}, or these in "
            f"base64: `head -c {_SIZE} /dev/urandom > {file}` makes a key"
        )
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}


def _decoded(held: bytes) -> bytes:
    try:
        return base64.b64decode(held.strip(), validate=True)
    except binascii.Error:
        return b""
