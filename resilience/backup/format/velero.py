"""Reading every layout that Velero (and Ark before it) has written, as one stream of objects.

    Ark to 0.3             namespaces/NS/RESOURCE/NAME.json, cluster/RESOURCE/NAME.json
    format 1 (to 1.3)      resources/RESOURCE/{namespaces/NS,cluster}/NAME.json
    format 1.1.0           the same, and a copy below VERSION-preferredversion/
    EnableAPIGroupVersions the same, and VERSION/ for versions that are not preferred

Each object is handed on once: the plain copy, or the preferred one where there is no other. Side
files may be missing. What the archive lacks although the resource list names it is reported, which
Velero never does. Pure over chunks; the stream is read once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from resilience.backup.format.archive import VERSION_ENTRY, Address, Entry, entries
from resilience.backup.format.errors import BadArchive
from resilience.cluster.interface import Object

_PREFERRED = "-preferredversion"


@dataclass(frozen=True, slots=True)
class Found:
    """One object: where it lay, its raw JSON, which copy it was."""

    address: Address
    body: bytes
    copy: str

    def parsed(self) -> Object:
        """The object; `BadArchive` when it is none."""
        try:
            value = json.loads(self.body)
            value["metadata"]["name"], value["apiVersion"], value["kind"]
        except (ValueError, KeyError, TypeError) as problem:
            raise BadArchive(f"{self.address.plain} is no API object") from problem
        if value["metadata"].get("namespace", "") != self.address.namespace:
            raise BadArchive(f"{self.address.plain} lies in another namespace than it says")
        result: Object = value
        return result


PLAIN, PREFERRED, OTHER = "plain", "preferred", "other version"


def located(path: str) -> tuple[Address, str] | None:
    """Address and copy of an entry; None for what is no object (`metadata/version`)."""
    if path == VERSION_ENTRY or not path.endswith(".json"):
        return None
    parts = path.removesuffix(".json").split("/")
    if parts[0] != "resources":
        return _ark(parts)
    if len(parts) < 4:
        return None
    resource, rest = parts[1], parts[2:]
    version, copy = "", PLAIN
    if rest[0] not in ("namespaces", "cluster"):
        version, copy = rest[0].removesuffix(_PREFERRED), OTHER
        copy = PREFERRED if rest[0].endswith(_PREFERRED) else OTHER
        rest = rest[1:]
    if len(rest) == 3 and rest[0] == "namespaces":
        return Address(resource, version, rest[1], rest[2]), copy
    if len(rest) == 2 and rest[0] == "cluster":
        return Address(resource, version, "", rest[1]), copy
    return None


def _ark(parts: list[str]) -> tuple[Address, str] | None:
    if len(parts) == 4 and parts[0] == "namespaces":
        return Address(parts[2], "", parts[1], parts[3]), PLAIN
    if len(parts) == 3 and parts[0] == "cluster":
        return Address(parts[1], "", "", parts[2]), PLAIN
    return None


@dataclass(slots=True)
class Reading:
    """One pass over an archive. `seen` counts by copy; `unknown` are paths that mean nothing.

    `plain` is what an earlier pass found out: whether plain copies exist at all. Without it the
    preferred copy directly behind a plain one is dropped, and one that stands alone is handed on.
    """

    wanted: str = PLAIN
    seen: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def objects(self, chunks: Iterable[bytes]) -> Iterator[Found]:
        """The objects of the wanted copy, in the archive's order."""
        for entry in entries(chunks):
            found = self._object(entry)
            if found and found.copy == self.wanted:
                yield found

    def _object(self, entry: Entry) -> Found | None:
        place = located(entry.path)
        if not place:
            if entry.path != VERSION_ENTRY:
                self.unknown.append(entry.path)
            return None
        address, copy = place
        self.seen[copy] = self.seen.get(copy, 0) + 1
        return Found(address, entry.body, copy)


def copy_to_read(chunks: Iterable[bytes]) -> str:
    """Which copies an archive holds: the plain ones, unless it has none."""
    for entry in entries(chunks):
        place = located(entry.path)
        if place and place[1] != OTHER:
            return place[1]
    return PLAIN


def missing_from(
    resource_list: Mapping[str, Any], found: Iterable[tuple[str, str, str]]
) -> list[str]:
    """What the resource list names and the archive lacks. `found` are (GROUP/VERSION/KIND,
    namespace, name)."""
    have = {
        f"{kind} {namespace + '/' if namespace else ''}{name}" for kind, namespace, name in found
    }
    listed = (f"{kind} {name}" for kind, names in resource_list.items() for name in names or ())
    return sorted(each for each in listed if each not in have)
