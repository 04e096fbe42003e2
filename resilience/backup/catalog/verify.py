"""Whether the stored bytes are those written: every file, every object, the signature, the name.

In this order: signature over the manifest; the manifest's own name; the hash and size of each file;
each object in the archive against the list of objects, in lockstep, both copies; exactly the files
that the manifest lists. Only one object is in memory at a time. A finding is a sentence; only the
first `MOST` are kept. `verify_record` stores a good result, and `fresh` relies only on that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256

from resilience.backup.catalog.catalog import Snapshot, held_against
from resilience.backup.catalog.contents import namespace_of
from resilience.backup.catalog.verify_external import elsewhere
from resilience.backup.catalog.verify_record import understood
from resilience.backup.format import layout, limited
from resilience.backup.format.archive import VERSION_ENTRY, Address
from resilience.backup.format.archive_reader import Exact, entries
from resilience.backup.format.coverage import unaccepted
from resilience.backup.format.errors import BadArchive, Missing, Tampered
from resilience.backup.format.manifest import DUMP, Manifest, VolumeRecord
from resilience.backup.format.pipe import abreast
from resilience.model.heap import only_new_collected
from resilience.model.progress import Done, track

MOST = 100

_SMALL = 4 << 20
"""Bytes of a file that is read beside others: Ctrl-C waits for those that are under way."""

_STEP = 256
"""Objects between two reports of progress."""


@dataclass(slots=True)
class Verification:
    """The result. `bytes` is the uncompressed size of all objects, each counted once. `volumes`,
    `dumps` and their `data_bytes` are what the store holds, without VolumeSnapshots that stay on
    the cluster. `opened` is false when the content of an encrypted snapshot was not read, because
    no identity was given."""

    name: str
    findings: list[str] = field(default_factory=list)
    objects: int = 0
    bytes: int = 0
    volumes: int = 0
    dumps: int = 0
    data_bytes: int = 0
    signed_by: str = ""
    opened: bool = True

    @property
    def intact(self) -> bool:
        """Whether everything matches."""
        return not self.findings

    def require(self) -> None:
        """`Tampered` with the findings."""
        if self.findings:
            raise Tampered(
                f"snapshot {self.name} differs from what was written:\n  "
                + "\n  ".join(self.findings[:10])
            )


def verify(snapshot: Snapshot, *, trusted: str = "") -> Verification:
    """Check a snapshot of this program. `trusted` is the public key that must have signed it, ""
    for any.

    Store errors other than a missing file are raised: they say nothing about the snapshot.
    """
    if trusted and trusted != snapshot.trusted:
        snapshot = replace(snapshot, trusted=trusted)
    result = Verification(snapshot.name)
    try:
        manifest = snapshot.manifest
        if not manifest:
            raise Tampered(f"snapshot {snapshot.name} has no manifest: Velero wrote it")
    except (Tampered, Missing) as problem:
        result.findings.append(str(problem))
        return result
    result.signed_by = manifest.signer
    result.opened = not manifest.encryption or bool(snapshot.identities)
    streams = list(_streams(manifest))
    result.dumps = sum(each.kind == DUMP for each in streams)
    result.volumes = len(streams) - result.dumps
    result.data_bytes = sum(each.bytes for each in streams)
    with only_new_collected(), track(f"verify {snapshot.name}", total=manifest.objects) as done:
        for finding in _findings(snapshot, manifest, result, done):
            result.findings.append(finding)
            if len(result.findings) >= MOST:
                break
    return result


def _findings(
    snapshot: Snapshot, manifest: Manifest, result: Verification, done: Done
) -> Iterator[str]:
    archive = layout.archive(manifest.name)
    if manifest.encryption:
        archive = layout.sealed(archive)
    yield from _listing(snapshot, manifest)
    yield from _files(snapshot, manifest, archive)
    if result.findings or not result.opened:
        yield from _file(snapshot, manifest, archive)
        if not result.findings:
            yield from elsewhere(snapshot)
        return
    stray: list[str] = []
    yield from _archive(snapshot, manifest, archive, result, done, stray)
    if not result.findings:
        yield from elsewhere(snapshot)
        yield from stray
    for missing in unaccepted(manifest.coverage, manifest.scope.get("accept") or ()):
        yield f"coverage: {missing}"


def _streams(manifest: Manifest) -> Iterator[VolumeRecord]:
    """The volumes and dumps whose data is in the store, or with an engine."""
    stored = {record.key for record in manifest.files}
    for each in manifest.volumes:
        if each.engine or each.key in stored or layout.sealed(each.key) in stored:
            yield each


def _listing(snapshot: Snapshot, manifest: Manifest) -> Iterator[str]:
    known = {record.key for record in manifest.files} | {
        layout.manifest(manifest.name),
        layout.signature(manifest.name),
    }
    stored = {entry.key for entry in snapshot.listed.entries}
    for key in sorted(known - stored):
        yield f"{key} is missing"
    for key in sorted(stored - known):
        if key.startswith(layout.saved(manifest.name)):  # of use only before it was complete
            continue
        if not layout.is_verification(key):
            yield f"{key} was not written with this snapshot"
        elif not understood(limited.read(snapshot.store, key, limited.SMALL)):
            yield f"{key}, the record of a verification, is damaged"


def _files(snapshot: Snapshot, manifest: Manifest, archive: str) -> Iterator[str]:
    """All but the archive. Small ones are read at the same time: each takes a store's answer
    time."""
    keys = [each.key for each in manifest.files if each.key != archive]
    small = [each.key for each in manifest.files if each.key != archive and each.size <= _SMALL]
    found = dict(
        zip(small, abreast(_finder(snapshot, manifest, key) for key in small), strict=True)
    )
    for key in keys:
        yield from found[key] if key in found else _file(snapshot, manifest, key)


def _finder(snapshot: Snapshot, manifest: Manifest, key: str) -> Callable[[], list[str]]:
    return lambda: list(_file(snapshot, manifest, key))


def _file(snapshot: Snapshot, manifest: Manifest, key: str) -> Iterator[str]:
    try:
        for _ in held_against(snapshot.store, manifest.file(key)):
            pass
    except Missing:
        yield f"{key} cannot be read: it is missing"
    except Tampered as problem:
        yield str(problem)


def _outside(address: Address, manifest: Manifest) -> str:
    """Consent covers the namespaces that a manifest names: an object elsewhere would be restored
    without consent."""
    return (
        f"object {address.plain} is outside of the snapshot's namespaces, "
        f"{', '.join(manifest.namespaces) or 'none'}"
    )


def _archive(
    snapshot: Snapshot,
    manifest: Manifest,
    key: str,
    result: Verification,
    done: Done,
    stray: list[str],
) -> Iterator[str]:
    """Check the file's hash, the objects' hashes and their places (in `stray`) in one pass."""
    try:
        if flaw := _flaw(snapshot, manifest, key, result, done, stray):
            yield from _objects(snapshot, result)
            yield flaw
            return
    except (BadArchive, Tampered, Missing) as problem:
        yield f"{key}: {problem}"
        return
    if (result.objects, result.bytes) != (manifest.objects, manifest.object_bytes):
        yield (
            f"{key} contains {result.objects} objects of {result.bytes} bytes; the manifest says "
            f"{manifest.objects} of {manifest.object_bytes}"
        )


def _flaw(
    snapshot: Snapshot,
    manifest: Manifest,
    key: str,
    result: Verification,
    done: Done,
    stray: list[str],
) -> str:
    try:
        exact = _exactly(snapshot, manifest, result, done, stray)
    except Tampered as problem:
        return str(problem)
    return "" if exact else f"{key} is not the archive that was written"


def _exactly(
    snapshot: Snapshot, manifest: Manifest, result: Verification, done: Done, stray: list[str]
) -> bool:
    """Verify an intact snapshot: fast, without details about differences."""
    archive, declared, number = Exact(snapshot.archive()), {"", *manifest.namespaces}, 0
    if not archive.begins():
        return False
    for number, line in enumerate(snapshot.contents, 1):
        address, size = line.address, line.size
        body = archive.body(address, size)
        if body is None or sha256(body).hexdigest() != line.sha256:
            return False
        if namespace_of(address) not in declared and len(stray) < MOST:
            stray.append(_outside(address, manifest))
        result.bytes += size
        if number % _STEP == 0:
            done(_STEP)
            result.objects = number
    done(number - result.objects)
    result.objects = number
    return archive.ends()


def _objects(snapshot: Snapshot, result: Verification) -> Iterator[str]:
    """Verify a damaged snapshot: read it again, entry by entry, to say what differs."""
    result.objects = result.bytes = 0
    chunks = snapshot.stream(layout.archive(snapshot.name), held=False)
    files = (entry for entry in entries(chunks) if entry.path != VERSION_ENTRY)
    for line in snapshot.contents:
        plain, copy = next(files, None), next(files, None)
        if not plain or not copy or plain.path != line.address.plain:
            yield f"object {line.address.plain} is missing from the archive"
            return
        if sha256(plain.body).hexdigest() != line.sha256:
            yield f"object {plain.path} was changed"
        if copy.path != line.address.preferred or copy.body != plain.body:
            yield f"object {plain.path}: its second copy differs"
        result.objects += 1
        result.bytes += len(plain.body)
    for extra in files:
        yield f"object {extra.path} was added to the archive"
