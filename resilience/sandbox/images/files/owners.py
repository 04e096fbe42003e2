"""The names of users and groups, by the image's /etc/passwd and /etc/group."""

from __future__ import annotations

from functools import lru_cache


def user_name(number: int) -> str:
    """The user's name; the number where it has none."""
    return _names("/etc/passwd").get(number, str(number))


def group_name(number: int) -> str:
    """The group's name; the number where it has none."""
    return _names("/etc/group").get(number, str(number))


@lru_cache(maxsize=2)
def _names(file: str) -> dict[int, str]:
    found = {0: "root"}
    try:
        with open(file, errors="replace") as lines:
            for line in lines:
                parts = line.split(":")
                if len(parts) > 2 and parts[2].isdigit():
                    found.setdefault(int(parts[2]), parts[0])
    except OSError:
        pass  # numbers do
    return found
