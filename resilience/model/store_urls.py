"""The URLs of stores: their schemes, and the words for them. Pure."""

from __future__ import annotations

import re

SCHEMES = ("s3", "gs", "az", "file")

FORMS = "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:DIRECTORY"
"""For messages."""


def told(url: str) -> str:
    """The URL for a message about a mistake in it: without names and passwords, and without the
    values of unknown options, which may be keys."""
    bare, mark, query = re.sub(r"//[^/?]*@", "//***@", url).partition("?")
    shown = [_option(each) for each in query.split("&")]
    return bare + mark + "&".join(shown)


def _option(text: str) -> str:
    name, equals, _ = text.partition("=")
    return text if name in _PUBLIC or not equals else f"{name}=***"


_PUBLIC = frozenset(
    {"account", "addressing", "checksums", "endpoint", "kms_key", "overwrites", "profile", "region",
     "sse"}
)  # fmt: skip


def is_store_url(text: str) -> bool:
    """Whether it begins like the URL of a store."""
    return text.partition(":")[0] in SCHEMES and ":" in text
