"""Names as segments of a URL's path. Source: apimachinery, api/validation/path/name.go. Pure."""

from __future__ import annotations


def is_segment(name: str) -> bool:
    """Whether an API server could ever have stored an object of that name, whatever its kind."""
    return name not in ("", ".", "..") and name.isprintable() and not {"/", "%"} & set(name)
