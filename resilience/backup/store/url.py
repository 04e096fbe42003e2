"""A store from its URL: `file:DIR`, `s3://BUCKET/PREFIX?option=value&...`.

S3 settings come from the usual AWS chain (environment, profile, instance); a URL may add
`endpoint`, `region`, `profile`, `ca`, `checksums` (`when_required` for stores that reject the
checksums that newer clients send) and `overwrites=accepted` (for a store that ignores create-only
writes).
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from resilience.backup.format.errors import BadRequest
from resilience.backup.store.base import Store
from resilience.backup.store.directory import DirectoryStore

_OPTIONS = ("endpoint", "region", "profile", "ca", "checksums", "overwrites")


def open_store(url: str, *, base: Path | None = None) -> Store:
    """The store; no network yet. A relative directory starts at `base` (a plan's own folder)."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(parts.path if not parts.netloc else parts.netloc + parts.path)
        if not str(path) or str(path) == ".":
            raise BadRequest(f"store {url!r}: name a directory, such as file:./backups-data")
        return DirectoryStore(((base or Path()) / path).absolute())
    if parts.scheme == "s3" and parts.netloc:
        from resilience.backup.store.s3 import S3Settings, S3Store

        options = _options(url, parts.query)
        settings = S3Settings(
            bucket=parts.netloc,
            prefix=parts.path.strip("/"),
            endpoint=options.get("endpoint"),
            region=options.get("region"),
            profile=options.get("profile"),
            ca=options.get("ca"),
            checksums=options.get("checksums", "when_supported"),
            overwrites_accepted=options.get("overwrites") == "accepted",
        )
        return S3Store(settings, url=url)
    raise BadRequest(f"store {url!r}: expected s3://BUCKET/PREFIX or file:DIRECTORY")


def _options(url: str, query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for key in options:
        if key not in _OPTIONS:
            raise BadRequest(f"store {url!r}: unknown option {key!r}; known: {', '.join(_OPTIONS)}")
    if options.get("checksums", "when_supported") not in ("when_supported", "when_required"):
        raise BadRequest(f"store {url!r}: checksums is when_supported or when_required")
    if options.get("overwrites", "accepted") != "accepted":
        raise BadRequest(f"store {url!r}: overwrites can only be 'accepted'")
    return options
