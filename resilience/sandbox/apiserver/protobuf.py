"""Kubernetes' protobuf envelope. (Filled in with the few types that kubectl sends so.)"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.api import ApiError

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"


def decode(data: bytes) -> Any:
    """ApiError 415."""
    raise ApiError(415, "UnsupportedMediaType", "protobuf is not accepted for this kind")
