"""Reads every layout that Velero (and Ark before it) has written, as one stream of objects.

    Ark to 0.3             namespaces/NS/RESOURCE/NAME.json, cluster/RESOURCE/NAME.json
    format 1 (to 1.3)      resources/RESOURCE/{namespaces/NS,cluster}/NAME.json
    format 1.1.0           the same, and a copy below VERSION-preferredversion/
    EnableAPIGroupVersions the same, and VERSION/ for versions that are not preferred

Readers use one copy of each object (see `contents`). Side files may be missing. Objects that the
resource list names and the archive lacks are reported, which Velero never does. Pure over chunks;
the stream is read once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from resilience.backup.format import limited
from resilience.backup.format.archive import VERSION_ENTRY, Address, checked
from resilience.backup.format.archive_reader import entries
from resilience.backup.format.errors import BadArchive
from resilience.cluster.interface import Object

_PREFERRED = "-preferredversion"


@dataclass(frozen=True, slots=True)
class Found:
    """One object: its path, its raw JSON, which copy it is."""

    address: Address
    body: bytes
    copy: str

    def parsed(self) -> Object:
        """The object; `BadArchive` when it is invalid or does not match its path."""
        try:
            value = limited.mapping(limited.parsed(self.body), "it")
            _identified(value)
        except ValueError as problem:
            raise BadArchive(f"{self.address.plain} is not an API object: {problem}") from problem
        metadata = value["metadata"]
        if (metadata.get("namespace") or "") != self.address.namespace:
            raise BadArchive(f"{self.address.plain} is in a different namespace than its body says")
        if metadata["name"] != self.address.name:
            raise BadArchive(f"{self.address.plain} has a different name than its body says")
        return value


_NAMES = frozenset({"namespace", "uid", "resourceVersion", "generateName"})
_TEXTS = frozenset({"labels", "annotations"})


def _identified(value: Object) -> None:
    """ValueError unless the fields that all rules read exist and have their types."""
    for field in ("apiVersion", "kind"):
        if not limited.name(value.get(field), field):
            raise ValueError(f"it has no {field}")
    metadata = limited.mapping(value.get("metadata"), "metadata")
    if not limited.object_name(metadata.get("name"), "metadata.name"):
        raise ValueError("it has no metadata.name")
    for field in _NAMES & metadata.keys():
        limited.name(metadata[field], f"metadata.{field}")
    for field in _TEXTS & metadata.keys():
        limited.strings(metadata[field], f"metadata.{field}")
    for owner in limited.sequence(
        metadata.get("ownerReferences"), "metadata.ownerReferences", dict
    ):
        for field in ("apiVersion", "kind", "name", "uid"):
            checked_as = limited.object_name if field == "name" else limited.name
            if not checked_as(owner.get(field), f"{field} of an owner"):
                raise ValueError(f"an owner of it has no {field}")
    for holder in (value, metadata):  # null means absent, and rules look for absence
        if None in holder.values():
            for field in [field for field, each in holder.items() if each is None]:
                del holder[field]


@contextmanager
def understood(address: Address) -> Iterator[None]:
    """Wraps rules that look into an object. An API server stores objects only in the shape of their
    kind, so an object that the rules cannot read has another origin."""
    try:
        yield
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as problem:
        raise BadArchive(
            f"{address.plain} does not have the shape of its kind "
            f"({type(problem).__name__}: {problem}); nothing more is done with it"
        ) from problem


PLAIN, PREFERRED, OTHER = "plain", "preferred", "other version"


def located(path: str) -> tuple[Address, str] | None:
    """Address and copy of an entry; None for anything but an object (`metadata/version`)."""
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


def objects_in(chunks: Iterable[bytes]) -> Iterator[Found]:
    """Every object to be restored, in the archive's order: plain copies and preferred ones.
    Versions that are not preferred are left out, and so are entries other than objects."""
    for entry in entries(chunks):
        place = located(entry.path)
        if place and place[1] != OTHER:
            try:
                yield Found(checked(place[0]), entry.body, place[1])
            except ValueError as problem:
                raise BadArchive(f"entry {entry.path!r}: {problem}") from problem


def missing_from(
    resource_list: Mapping[str, Sequence[str]], found: Iterable[tuple[str, str, str]]
) -> list[str]:
    """Objects that the resource list names and the archive lacks. `found` are (GROUP/VERSION/KIND,
    namespace, name)."""
    have = {
        f"{kind} {namespace + '/' if namespace else ''}{name}" for kind, namespace, name in found
    }
    listed = (f"{kind} {name}" for kind, names in resource_list.items() for name in names)
    return sorted(each for each in listed if each not in have)
