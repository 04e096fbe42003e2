"""Names as segments of a URL's path. Source: apimachinery, api/validation/path/name.go. Pure."""

from __future__ import annotations


def is_segment(name: str) -> bool:
    """Whether an API server could ever have stored an object of that name, whatever its kind. A
    Role may have control characters in its name; a NUL or half a character fits into no file."""
    if name in ("", ".", "..") or {"/", "%", "\0"} & set(name):
        return False
    return not any("\ud800" <= each <= "\udfff" for each in name)
