"""The program `restic` as a process: its repository, its password, the meaning of its errors.

The password comes from the environment that restic itself reads (RESTIC_PASSWORD_FILE,
RESTIC_PASSWORD_COMMAND or RESTIC_PASSWORD); it is passed on and never read, so it appears in no
argument and no message. Credentials of S3 come from the same chain as the store's own requests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resilience.backup.format import layout
from resilience.backup.format.errors import (
    BackupError,
    BadRequest,
    Missing,
    StoreError,
    StoreFull,
    StoreRefused,
    StoreUnreachable,
    Tampered,
)
from resilience.backup.store import Store
from resilience.backup.store.directory import DirectoryStore
from resilience.model.masks import MASKS, ending

PASSWORDS = ("RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND", "RESTIC_PASSWORD")

_MEANINGS: Sequence[tuple[str, type[BackupError]]] = (
    (r"wrong password|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Access Denied|"
     r"ExpiredToken|permission denied", StoreRefused),
    (r"no space left|quota exceeded", StoreFull),
    (r"no snapshot found|Is there a repository", Missing),
    (r"connection refused|connection reset|dial tcp|timeout|SlowDown|Service Unavailable|"
     r"no such host|InternalError|repository is already locked", StoreUnreachable),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A repository: restic's own name for it, options of the program, additions to its
    environment."""

    url: str
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def place(store: Store) -> Place:
    """The repository inside of a store, below the one prefix that Velero leaves free."""
    beneath: Any = getattr(store, "beneath", store)
    if isinstance(beneath, DirectoryStore):
        return Place(url=str(beneath.root / layout.RESTIC))
    if settings := getattr(beneath, "settings", None):
        return _in_s3(beneath, settings)
    raise BadRequest(f"{store.url}: restic keeps its repository in a directory or in S3")


def _in_s3(store: Any, settings: Any) -> Place:
    if settings.customer_key:
        raise BadRequest(
            f"{store.url}: restic cannot send a key of your own (sse_c); it encrypts by its own "
            "password. Leave `engine: restic` out of the plan, or sse_c out of the URL"
        )
    endpoint = settings.endpoint or "https://s3.amazonaws.com"
    parts = [endpoint.removeprefix("https://").rstrip("/"), settings.bucket, settings.prefix]
    path = "/".join(part for part in (*parts, layout.RESTIC) if part)
    given = store.credentials()
    environment = {
        "AWS_ACCESS_KEY_ID": given.access_key,
        "AWS_SECRET_ACCESS_KEY": given.secret_key,
        # Also set when empty, because the caller's session token belongs to other keys.
        "AWS_SESSION_TOKEN": given.token or "",
        "AWS_DEFAULT_REGION": store.client.meta.region_name or "us-east-1",
    }
    return Place(
        url=f"s3:{path}",
        options=("--cacert", settings.ca) if settings.ca else (),
        environment=environment,
    )


def command(place: Place, arguments: Sequence[str]) -> list[str]:
    """The command line; `BadRequest` if the program or its password is missing."""
    program = shutil.which("restic")
    if not program:
        raise BadRequest(
            "restic is not installed here: install it (Debian: apt-get install restic), or leave "
            "`engine: restic` out of the plan; its data is read by restic alone"
        )
    MASKS.take("RESTIC_PASSWORD", os.environ.get("RESTIC_PASSWORD", ""))
    if not any(os.environ.get(name) for name in PASSWORDS):
        raise BadRequest(
            "restic's repository has a password: set RESTIC_PASSWORD_FILE (or "
            "RESTIC_PASSWORD_COMMAND, or RESTIC_PASSWORD); losing it loses the data"
        )
    return [program, "--repo", place.url, *place.options, *arguments]


def environment(place: Place) -> dict[str, str]:
    """The environment of the process. Progress output is off: it would fill the disk over hours."""
    return {**os.environ, **place.environment, "RESTIC_PROGRESS_FPS": "0.01"}


def run(place: Place, *arguments: str) -> bytes:
    """Run one command to its end; return its output. Errors are raised by their meaning."""
    done = subprocess.run(
        command(place, arguments),
        env=environment(place),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise meaning(done.stderr, place, otherwise=StoreError)
    return done.stdout


def meaning(stderr: bytes, place: Place, *, otherwise: type[BackupError] = Tampered) -> BackupError:
    """The error that the end of restic's stderr stands for."""
    words = ending(" ".join(stderr.decode("utf-8", "replace").split()), 300) or "no message"
    for pattern, error in _MEANINGS:
        if re.search(pattern, words):
            return error(f"restic in {place.url}: {words}")
    return otherwise(f"restic in {place.url}: {words}")
