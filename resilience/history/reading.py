"""Reports from a folder or a store, each run once.

A folder is searched recursively, without following links: CI artifacts may be in folders of any
name. A store holds what `--resilience-report URL` wrote. Unreadable reports are listed; the others
are still used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from resilience.backup.format.errors import BackupError
from resilience.backup.store.base import Store
from resilience.backup.store.url import open_store
from resilience.model.store_urls import is_store_url
from resilience.publish.report_store import folders
from resilience.report.digest import Past, Unreadable, read

FILES = ("runs.json", "report.json")
"""File names, of which the first that exists in a folder is read; their content is equivalent."""
LARGEST = 256 * 1024 * 1024
"""Maximum size of a file in bytes."""
AT_ONCE = 16
"""Number of concurrent requests to a store."""


@dataclass(slots=True)
class Archive:
    """What was found. `runs` by their start; `pages` gives the location of each run's
    `report.html`, relative to a folder; `unread` are lines."""

    runs: list[Past] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    reports: int = 0


Found = tuple[str, Callable[[], bytes], str]
"""A report's name, a function that reads it, and its page ("" for none)."""


def archive(place: str) -> Archive:
    """Everything in a folder or under a URL (`s3://`, `file:`). NotADirectoryError, BadRequest and
    StoreError when the place itself cannot be read."""
    found = _stored(open_store(place)) if _is_url(place) else _lying(Path(place))
    made, seen = Archive(), set[tuple[str, str]]()
    with ThreadPoolExecutor(AT_ONCE if _is_url(place) else 1) as pool:
        for name, page, answer in pool.map(_read, found):
            if isinstance(answer, str):
                made.unread.append(f"{name}: {answer}")
                continue
            made.reports += 1
            for past in answer:
                if (past.run, past.scenario) in seen:
                    continue  # a copy
                seen.add((past.run, past.scenario))
                made.runs.append(past)
                if page:
                    made.pages[past.run] = page
    made.runs.sort(key=lambda past: (past.started, past.run, past.scenario))
    return made


def _is_url(place: str) -> bool:
    return is_store_url(place)


def _read(found: Found) -> tuple[str, str, list[Past] | str]:
    name, fetch, page = found
    try:
        return name, page, read(fetch())
    except (Unreadable, OSError, BackupError) as problem:
        return name, page, str(problem)


def _lying(folder: Path) -> Iterator[Found]:
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder; give one with reports, or s3://...")
    for parent, inner, names in os.walk(folder):
        inner.sort()
        name = next((each for each in FILES if each in names), "")
        if name:
            path = Path(parent) / name
            page = Path(parent) / "report.html"
            shown = page.relative_to(folder).as_posix() if "report.html" in names else ""
            yield str(path.relative_to(folder)), _file(path), shown


def _file(path: Path) -> Callable[[], bytes]:
    def fetch() -> bytes:
        if path.is_symlink() or not path.is_file():
            raise Unreadable("not a regular file")
        if path.stat().st_size > LARGEST:
            raise Unreadable(f"larger than {LARGEST // 1024**2} MiB")
        return path.read_bytes()

    return fetch


def _stored(store: Store) -> Iterator[Found]:
    for folder, _ in folders(store):
        yield folder, _object(store, folder), ""


def _object(store: Store, folder: str) -> Callable[[], bytes]:
    def fetch() -> bytes:
        """Reports of earlier versions have no `runs.json`."""
        there = {entry.key for entry in store.list(f"{folder}/")}
        for name in FILES:
            if f"{folder}/{name}" in there:
                return _bounded(store, f"{folder}/{name}")
        raise Unreadable("no report in it")

    return fetch


def _bounded(store: Store, key: str) -> bytes:
    data = bytearray()
    for part in store.stream(key):
        data += part
        if len(data) > LARGEST:
            raise Unreadable(f"larger than {LARGEST // 1024**2} MiB")
    return bytes(data)
