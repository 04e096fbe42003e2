"""A store from its URL: `file:DIR`, `s3://BUCKET/PREFIX?option=value&...`, `gs://BUCKET/PREFIX`,
`az://CONTAINER/PREFIX`.

S3 settings come from the usual AWS chain (environment, profile, instance). A URL may add:

    endpoint, region, profile, ca   where the store is and how to reach it
    addressing   path or virtual; default: the AWS configuration's own, else path with an endpoint
    sse          AES256, aws:kms or aws:kms:dsse, for buckets that require encryption
    kms_key      the key for aws:kms
    sse_c        a file with a key of your own (32 bytes, or these in base64), sent with each
                 request and kept nowhere by the store
    checksums    when_required for stores that reject the checksums of newer clients
    overwrites   accepted, for a store that ignores create-only writes

The other two (see `clouds`) take `endpoint`, and Azure `account`.

Characters with a meaning in URLs are percent-encoded in a prefix: `#` is `%23`, `?` is `%3F`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from resilience.backup.format.errors import BadRequest
from resilience.backup.store.base import Store
from resilience.backup.store.directory import DirectoryStore
from resilience.model.store_urls import FORMS, told

_OPTIONS = (
    "endpoint",
    "region",
    "profile",
    "ca",
    "addressing",
    "sse",
    "kms_key",
    "sse_c",
    "checksums",
    "overwrites",
)
OPTIONS = {"gs": ("endpoint",), "az": ("account", "endpoint")}
"""Of the other two; `endpoint` is for private endpoints and emulators."""

_VALUES = {
    "addressing": ("path", "virtual"),
    "sse": ("AES256", "aws:kms", "aws:kms:dsse"),
    "checksums": ("when_supported", "when_required"),
    "overwrites": ("accepted",),
}


def open_store(url: str, *, base: Path | None = None) -> Store:
    """The store; no network yet. A relative directory is resolved against `base` (a plan's own
    folder)."""
    if "#" in url:
        raise BadRequest(
            f"store {told(url)!r}: a `#` would cut off what follows it; expected none; "
            "write it as %23"
        )
    parts = urlsplit(url)
    _require_no_password(url)
    if parts.scheme == "file":
        path = Path(parts.path if not parts.netloc else parts.netloc + parts.path)
        if not str(path) or str(path) == ".":
            raise BadRequest(f"store {told(url)!r}: name a directory, such as file:./backups-data")
        return DirectoryStore(((base or Path()) / path).absolute())
    if parts.scheme == "s3" and parts.netloc:
        from resilience.backup.store.s3 import S3Store
        from resilience.backup.store.s3_client import S3Settings

        options = _options(url, parts.query)
        settings = S3Settings(
            bucket=parts.netloc,
            prefix=_prefix(parts.path),
            endpoint=options.get("endpoint"),
            region=options.get("region"),
            profile=options.get("profile"),
            ca=options.get("ca"),
            addressing=options.get("addressing", ""),
            sse=options.get("sse", ""),
            kms_key=options.get("kms_key", ""),
            customer_key=options.get("sse_c", ""),
            checksums=options.get("checksums", "when_supported"),
            overwrites_accepted=options.get("overwrites") == "accepted",
        )
        return S3Store(settings, url=url)
    if parts.scheme in OPTIONS and parts.netloc:
        from resilience.backup.store.cloud.clouds import cloud_store

        given = _known(url, parts.query, OPTIONS[parts.scheme])
        return cloud_store(parts.scheme, parts.netloc, _prefix(parts.path), given, url=url)
    raise BadRequest(f"store {told(url)!r}: expected {FORMS}")


def _require_no_password(url: str) -> None:
    """A URL is printed and recorded, and every process of the host can read a command line."""
    parts = urlsplit(url)
    places = (parts.netloc, *(urlsplit(each).netloc for _, each in parse_qsl(parts.query)))
    if any("@" in each for each in places):
        raise BadRequest(
            f"store {told(url)!r} holds a name or a password before `@`; expected none: "
            "credentials come from the environment or a profile"
        )


def _prefix(path: str) -> str:
    """Only what could not be written otherwise is decoded: `%2F` in a prefix stays unchanged."""
    return path.replace("%23", "#").replace("%3F", "?").replace("%3f", "?").strip("/")


def _known(url: str, query: str, known: Sequence[str]) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for key in options:
        if key not in known:
            raise BadRequest(
                f"store {told(url)!r}: unknown option {key!r}; known: {', '.join(known)}"
            )
    for key, values in _VALUES.items():
        if options.get(key, values[0]) not in values:
            raise BadRequest(
                f"store {told(url)!r}: {key}={options[key]}; expected {' or '.join(values)}"
            )
    return options


def _options(url: str, query: str) -> dict[str, str]:
    options = _known(url, query, _OPTIONS)
    if options.get("kms_key") and not options.get("sse", "").startswith("aws:kms"):
        raise BadRequest(f"store {told(url)!r}: kms_key needs sse=aws:kms or sse=aws:kms:dsse")
    if options.get("sse_c") and options.get("sse"):
        raise BadRequest(
            f"store {told(url)!r}: sse_c is a key of your own and sse a key of the store's; "
            "expected one"
        )
    return options
