"""The interface of drivers: sessions that write one key, read one, read all, and clean up.

A session belongs to one thread. Only an explicit answer is an acknowledgement. A driver never
retries, and distinguishes what was certainly not written (`Refused`) from what may have been
(`Unclear`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from resilience.ledger.records import Found
from resilience.model.verb import parameter


class Refused(Exception):
    """The write certainly did not take place: it was never sent, or the server refused it."""


class Unclear(Exception):
    """The write may have taken place."""


class Unreadable(Exception):
    """A read without a usable answer: it says nothing about any key."""


class Unusable(Exception):
    """The driver cannot work here at all (a missing package, a wrong password); retrying does not
    help."""


class Session(Protocol):
    """One connection to a store."""

    def put(self, key: str, value: str) -> str:
        """Write; returns who acknowledged it, "" if that is not known."""

    def get(self, key: str) -> Found:
        """Read one key."""

    def every(self) -> Found:
        """Read all keys of the run."""

    def clear(self) -> None:
        """Delete all keys of the run. Idempotent."""

    def close(self) -> None:
        """Close the connection. Idempotent."""


class Refresh(Protocol):
    """Where the store is now; looked up again after a failure, since addresses change."""

    def __call__(self) -> tuple[str, int]: ...


Open = Callable[[], Session]
"""A new session. Raises Unusable where none can ever work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The common parameters of a ledger's sessions: `start` begins all keys of the run, `timeout`
    is in seconds, `address` says where to connect, `secrets` are values that no text may show."""

    start: str
    timeout: float
    address: Refresh
    secrets: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A secret value by reference: it is never in the scenario."""

    env: str = parameter(
        "The environment variable that holds it.", default="", example="REDIS_PASSWORD",
        one_of="source",
    )  # fmt: skip
    secret: str = parameter(
        "The Secret that holds it, in the same namespace.", default="", example="cache-auth",
        one_of="source",
    )  # fmt: skip
    key: str = parameter("The key in the Secret.", default="password")


def package(name: str, extra: str) -> Any:
    """Import a driver's library, or say which extra installs it."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise Unusable(f"the package {name} is not installed: "
                       f"pip install 'pytest-resilience[{extra}]'") from error  # fmt: skip
