"""What holds for a list of keys and for a read, whichever service answers.

A list decides what is shown, pruned and counted as missing. So it lies below the requested
prefix, ends, and shows each key once; it is sorted here, since some stores give no order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resilience.backup.format.errors import StoreUnreachable
from resilience.backup.store.base import Entry

PROXY = "does a proxy or a login page answer in place of the store?"


def collected(pages: Iterable[Sequence[Entry]], url: str) -> list[Entry]:
    """All entries of all pages, sorted. A page that begins like an earlier one means that the
    store gives the same page again, which has no end."""
    found, begun = list[Entry](), set[str]()
    for page in pages:
        if page and page[0].key in begun:
            raise StoreUnreachable(
                f"{url}: the list shows {page[0].key} at the beginning of two pages; the store "
                "gives the same page again and again"
            )
        begun.update(each.key for each in page[:1])
        found += page
    found.sort(key=lambda each: each.key)
    return [each for at, each in enumerate(found) if not at or each.key != found[at - 1].key]


def require_below(path: str, prefix: str, url: str) -> str:
    """`path`, which the store listed below `prefix`."""
    if not path.startswith(prefix):
        raise StoreUnreachable(f"{url}: {path} is no entry of a list below {prefix!r}; {PROXY}")
    return path


def replaced(what: str) -> StoreUnreachable:
    """The error for an object that is another one in the middle of a reading."""
    return StoreUnreachable(f"{what} was replaced while it was read; read it again")
