"""What a snapshot contains: its files with hashes and versions, its coverage, its author, its
subject.

The manifest is one canonical JSON document of bounded size; the list of objects, which grows with
the cluster, is a separate file (`ObjectLine`, gzipped JSON lines) whose hash the manifest holds.
Both are read strictly: an unknown format is refused with an error that names it, a damaged document
raises `Tampered`."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any, NamedTuple, Self

from resilience.backup.format import limited
from resilience.backup.format.archive import Address, checked
from resilience.backup.format.archive_reader import inflate
from resilience.backup.format.coverage import Coverage
from resilience.backup.format.errors import BadArchive, Tampered, UnknownFormat

FORMAT = 1
_decode = json.JSONDecoder().raw_decode
_TEXTS = ("r", "ns", "n", "v", "k", "h", "u", "rv")
_texts: Callable[[Mapping[str, Any]], tuple[Any, ...]] = itemgetter(*_TEXTS)
_ONLY_TEXT = frozenset({str})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One stored file. `version` is the store's VersionId: a lock protects versions, not keys."""

    key: str
    size: int
    sha256: str
    version: str = ""


DUMP = "dump"
"""The kind of a record of an application's dump."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRecord:
    """One volume's data, or an application's dump (`kind`), whose name takes the place of the
    claim's.

    `engine` is "" for a file of the snapshot, else the engine that keeps the data under `key`.
    `tree` is the hash of a volume's files: paths, modes, owners, times, attributes, contents.
    `warnings` name files that are not in it. `pods` (a selector), `container` and `load` say how a
    dump is restored.
    """

    namespace: str
    claim: str
    key: str
    bytes: int
    sha256: str
    kind: str = "tar"
    tree: str = ""
    pods: str = ""
    container: str = ""
    load: tuple[str, ...] = ()
    engine: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """See the module. Times are UTC. `sentinels`: the namespaces that hold a sentinel.
    `own_objects`: the number of objects other than namespaces and what the cluster itself puts
    into them, -1 in snapshots of earlier versions. `claims_without_data`: bound claims, as
    NAMESPACE/NAME."""

    name: str
    plan: str
    started: datetime
    finished: datetime
    cluster_uid: str
    context: str
    server_version: str
    namespaces: tuple[str, ...]
    objects: int
    object_bytes: int
    files: tuple[FileRecord, ...]
    coverage: tuple[Coverage, ...] = ()
    warnings: tuple[str, ...] = ()
    volumes: tuple[VolumeRecord, ...] = ()
    sentinels: tuple[str, ...] = ()
    own_objects: int = -1
    claims_without_data: tuple[str, ...] = ()
    scope: Mapping[str, Any] = field(default_factory=dict)
    encryption: str = ""
    signer: str = ""
    tool: str = ""

    def file(self, key: str) -> FileRecord:
        """The record of one file; `Tampered` when the manifest lists none."""
        for record in self.files:
            if record.key == key:
                return record
        raise Tampered(f"snapshot {self.name}: its manifest does not list {key}")

    def encoded(self) -> bytes:
        """Canonical bytes: what is hashed and signed."""
        document = dataclasses.asdict(self) | {
            "format": FORMAT,
            "started": _text(self.started),
            "finished": _text(self.finished),
        }
        return json.dumps(document, sort_keys=True, indent=1).encode() + b"\n"

    @classmethod
    def decoded(cls, data: bytes, name: str) -> Self:
        """Read back; `name` is where it was found."""
        try:
            document = limited.mapping(limited.parsed(data), "the manifest")
            form = document.pop("format")
            if form != FORMAT:
                raise UnknownFormat(
                    f"snapshot {name} has format {form}, this version reads {FORMAT}; "
                    "use the version of pytest-resilience that wrote it"
                )
            return limited.record(
                cls,
                document,
                files=limited.records(FileRecord),
                coverage=limited.records(Coverage),
                volumes=limited.records(VolumeRecord),
            )
        except (ValueError, KeyError) as problem:
            raise Tampered(f"snapshot {name}: its manifest is damaged ({problem})") from problem


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class ObjectLine(NamedTuple):
    """One object of the archive, in the archive's order. `owners` are uids."""

    address: Address
    api_version: str
    kind: str
    size: int
    sha256: str
    uid: str = ""
    resource_version: str = ""
    owners: tuple[str, ...] = ()

    def encoded(self) -> bytes:
        """One line of JSON, assembled by hand: this runs once for each object."""
        at, text = self.address, encode_basestring
        owners = ",".join(map(text, self.owners))
        return (
            f'{{"h":"{self.sha256}","k":{text(self.kind)},"n":{text(at.name)},'
            f'"ns":{text(at.namespace)},"o":[{owners}],"r":{text(at.resource)},'
            f'"rv":{text(self.resource_version)},"s":{self.size},"u":{text(self.uid)},'
            f'"v":{text(self.api_version)}}}\n'
        ).encode()

    @classmethod
    def decoded(cls, line: bytes) -> Self:
        """Read back."""
        text = line.decode()
        found, end = _decode(text)
        if end != len(text):
            raise ValueError("a line holds more than one object")
        given = _texts(limited.mapping(found, "a line"))
        if not _ONLY_TEXT.issuperset(map(type, given)):
            given = tuple(map(limited.text, given, _TEXTS))
        resource, namespace, name, api_version, kind, sha256, uid, resource_version = given
        owners = found["o"]
        return cls(
            checked(Address(resource, api_version.rpartition("/")[2], namespace, name)),
            api_version,
            kind,
            limited.count(found["s"], "s"),
            sha256,
            uid,
            resource_version,
            tuple(limited.sequence(owners, "o", str)) if owners != [] else (),
        )


_LONGEST_LINE = 1 << 20
"""Names, hashes and uids of owners; an object of 1.5 MiB has no room for more owners."""

_TEXT = r"[ !#-.0-\[\]-~]"
"""A character of a name that JSON writes as it is and `checked` accepts."""

_NAME = rf'(?!\.\.?"){_TEXT}'
_USUAL = re.compile(
    r'(?m)^\{"h":"([0-9a-f]{64})",'
    rf'"k":"({_TEXT}*)","n":"({_NAME}+)","ns":"({_NAME}*|)",'
    rf'"o":\[((?:"{_TEXT}*"(?:,"{_TEXT}*")*)?)\],"r":"({_NAME}+)",'
    rf'"rv":"({_TEXT}*)","s":(0|[1-9][0-9]{{0,17}}),"u":"({_TEXT}*)",'
    r'"v":"((?:[ !#-\[\]-~]*/)?'
    rf'({_NAME}*|))"\}}\n'
)
"""Whole lines that mean to JSON what their groups say. `ObjectLine.decoded` takes four times as
long for the same."""


def object_lines(chunks: Iterable[bytes], name: str) -> Iterator[ObjectLine]:
    """The lines of an objects file, as a stream."""
    rest = b""
    try:
        for block in inflate(chunks):
            whole, newline, rest = (rest + block).rpartition(b"\n")
            yield from _decoded(whole + newline)
            if len(rest) > _LONGEST_LINE:
                raise ValueError("a line without end")
        if rest:
            raise Tampered(f"snapshot {name}: its list of objects ends in the middle of a line")
    except (ValueError, KeyError, RecursionError, BadArchive) as problem:
        raise Tampered(f"snapshot {name}: its list of objects is damaged ({problem})") from problem


def _decoded(lines: bytes) -> Iterator[ObjectLine]:
    """Whole lines: all by one expression, or each by JSON if one of them is unusual."""
    text = lines.decode()
    usual = _USUAL.findall(text)
    if len(usual) != text.count("\n"):
        return map(ObjectLine.decoded, lines.removesuffix(b"\n").split(b"\n"))
    return (
        ObjectLine(
            Address(resource, version, namespace, name),
            api_version,
            kind,
            int(size),
            sha256,
            uid,
            resource_version,
            tuple(owners[1:-1].split('","')) if owners else (),
        )
        for sha256, kind, name, namespace, owners, resource, resource_version, size, uid,
        api_version, version in usual
    )  # fmt: skip
