"""A URL as an `http` probe: a Service of the cluster by its name, anything else as it is."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from resilience.convert.translation import placeholder

_SERVICE = re.compile(r"(?P<name>[a-z0-9-]+)\.(?P<space>[a-z0-9-]+)(\.svc(\.cluster\.local)?)")


def probe_of(url: str, status: int, missing: list[str]) -> dict[str, Any] | None:
    """The step without rate and objective; None, and a line in `missing`, if it is not a URL."""
    if why := placeholder(url, "url"):
        missing.append(why)
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        missing.append(f"url {url!r}: not an http or https address")
        return None
    found = _SERVICE.fullmatch(parts.hostname)
    if not found:
        return {"http": {"url": url, "status": status}}
    asked = {
        "service": found["name"],
        "namespace": found["space"],
        "port": port or (443 if parts.scheme == "https" else 80),
        "path": parts.path or "/",
        "status": status,
    }
    if parts.scheme == "https":
        asked["scheme"] = "https"
    if parts.query:
        asked["path"] = f"{asked['path']}?{parts.query}"
    return {"http": asked}
