"""The `url` and the path of a request: which can be sent, and in which letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from resilience.model.verb import Complaint

if TYPE_CHECKING:
    from resilience.probes.kinds.http import Http


def complaints(http: Http) -> Iterator[Complaint]:
    """Errors in the `url` of a probe."""
    expected = "a URL such as https://shop.example.com/healthz"
    try:
        parts = urlsplit(http.url)
        port = parts.port
    except ValueError as error:
        yield Complaint(field="url", message=f"`url` has {error}", expected=expected)
        return
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        yield Complaint(field="url", message=f"`url` is {http.url!r}", expected=expected)
    if re.search(r"\s", http.url):
        yield Complaint(field="url", message="`url` contains a space", expected="%20 for it")
    if not _has_ascii_name(parts.hostname or ""):
        yield Complaint(
            field="url", message=f"{parts.hostname!r} is no host name", expected=expected
        )
    if parts.username or parts.password:
        yield Complaint(
            field="url",
            message="`url` contains a user name or password, which reports would show",
            expected="an `authorization` header with ${NAME} from the environment",
        )
    if http.path != "/" and parts.path not in ("", "/"):
        yield Complaint(
            field="path", message="both `url` and `path` contain a path", expected="one of them"
        )


def _has_ascii_name(host: str) -> bool:
    try:
        return bool(host.isascii() or host.encode("idna"))
    except UnicodeError:
        return False


def in_ascii(path: str) -> str:
    """As browsers send it (RFC 3986): letters outside of ASCII as percent-encoded UTF-8."""
    return quote(path, safe="".join(map(chr, range(0x21, 0x7F))))
