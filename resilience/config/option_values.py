"""The values of options: each reads a text, and raises ValueError with what it expected."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):")
"""At least two letters: `c:` is not a scheme, and such folders are rare."""

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})


def text(value: Any) -> str:
    """Anything."""
    return str(value)


def flag(value: Any) -> bool:
    """Yes or no, in the words of ini files and variables."""
    text = str(value).strip().lower()
    if text not in TRUE | FALSE:
        raise ValueError("yes or no")
    return text in TRUE


def seed(value: Any) -> int:
    """A seed."""
    text = str(value).strip()
    if not text.isdigit() or int(text) >= 2**64:
        raise ValueError("a whole number from 0 to 2^64 - 1")
    return int(text)


def nodes(value: Any) -> int:
    """How many nodes."""
    text = str(value).strip()
    if not text.isdigit() or not 1 <= int(text) <= 5000:
        raise ValueError("a whole number from 1 to 5000")
    return int(text)


def live(value: Any) -> str:
    """When steps are printed."""
    if value not in ("auto", "on", "off"):
        raise ValueError("auto, on or off")
    return str(value)


def named(value: Any) -> str:
    """The name of a namespace."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", str(value)):
        raise ValueError("the name of a namespace: lower case letters, digits and dashes")
    return str(value)


def image(value: Any) -> str:
    """An image reference."""
    if not re.fullmatch(r"[a-z0-9][\w.:/@-]*", str(value)):
        raise ValueError("an image reference such as registry.example.com/python:3.13-slim")
    return str(value)


def seconds(value: Any) -> float:
    """A duration."""
    from resilience.model.values import Duration

    try:
        return Duration.parse(str(value)).seconds
    except ValueError:
        raise ValueError("a duration such as 0s, 45s or 10m") from None


def report(value: Any) -> str:
    """A directory, or the URL of a store."""
    from resilience.model.store_urls import FORMS, SCHEMES

    text = str(value)
    if (scheme := SCHEME.match(text)) and scheme[1] not in SCHEMES:
        raise ValueError(f"a directory, or {FORMS}")
    return text


def age(value: Any) -> float:
    """A duration over 0."""
    found = seconds(value)
    if found <= 0:
        raise ValueError("a duration over 0 such as 90d")
    return found


def gateway(value: Any) -> str:
    """The URL of a Pushgateway, without credentials."""
    parts = urlsplit(str(value))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the URL of a Pushgateway such as http://pushgateway:9091")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "a URL without credentials; set RESILIENCE_PUSH_USER and RESILIENCE_PUSH_PASSWORD"
        )
    return str(value).rstrip("/")


def collector(value: Any) -> str:
    """The URL of an OTLP collector."""
    parts = urlsplit(str(value))
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError(
            "the URL of an OTLP collector such as http://collector:4318; "
            "set OTEL_EXPORTER_OTLP_HEADERS to log in"
        )
    return str(value).rstrip("/")


NOTIFICATIONS = ("started", "failed", "recovered", "missed")


def events(value: Any) -> tuple[str, ...]:
    """Some of the events."""
    words = tuple(str(value).replace(",", " ").split())
    if set(words) - set(NOTIFICATIONS):
        raise ValueError(f"some of {', '.join(NOTIFICATIONS)}")
    return words


def globs(value: Any) -> tuple[str, ...]:
    """Patterns, or names."""
    parts = value.split() if isinstance(value, str) else [str(part) for part in value]
    return tuple(parts)
