"""The URLs of stores: their schemes, and the words for them. Pure."""

from __future__ import annotations

SCHEMES = ("s3", "gs", "az", "file")

FORMS = "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:DIRECTORY"
"""For messages."""


def is_store_url(text: str) -> bool:
    """Whether it begins like the URL of a store."""
    return text.partition(":")[0] in SCHEMES and ":" in text
