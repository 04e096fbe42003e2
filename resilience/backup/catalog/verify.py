"""Is what is stored what was written? Every file, every object, the signature, the name.

In this order: signature over the manifest; the manifest's own name; the hash and size of each file;
each object in the archive against the list of objects, in lockstep, both copies; nothing more and
nothing less than the manifest lists. Memory is one object. A finding is a sentence; the first
`MOST` are kept. A good result is recorded in the store (`record`), and `fresh` believes only that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.verify_external import elsewhere
from resilience.backup.format import layout
from resilience.backup.format.archive import VERSION_ENTRY, Exact, entries
from resilience.backup.format.coverage import unaccepted
from resilience.backup.format.errors import BadArchive, Missing, Tampered
from resilience.backup.format.manifest import Manifest
from resilience.backup.format.sign import Seal, check_seal

MOST = 100


@dataclass(slots=True)
class Verification:
    """What was found out. `bytes` counts objects, uncompressed, once."""

    name: str
    findings: list[str] = field(default_factory=list)
    objects: int = 0
    bytes: int = 0
    signed_by: str = ""

    @property
    def intact(self) -> bool:
        """Whether everything fits."""
        return not self.findings

    def require(self) -> None:
        """`Tampered` with the findings."""
        if self.findings:
            raise Tampered(
                f"snapshot {self.name} is not what was written:\n  "
                + "\n  ".join(self.findings[:10])
            )


def verify(snapshot: Snapshot, *, trusted: str = "") -> Verification:
    """Check a snapshot of ours. `trusted` is the public key it must be signed with, "" for any.

    Store errors other than a missing file are raised: they say nothing about the snapshot.
    """
    result = Verification(snapshot.name)
    try:
        manifest = _sealed_manifest(snapshot, trusted)
    except (Tampered, Missing) as problem:
        result.findings.append(str(problem))
        return result
    result.signed_by = manifest.signer
    for finding in _findings(snapshot, manifest, result):
        result.findings.append(finding)
        if len(result.findings) >= MOST:
            break
    return result


def _sealed_manifest(snapshot: Snapshot, trusted: str) -> Manifest:
    name = snapshot.name
    data = snapshot.store.read(layout.manifest(name))
    seal = Seal.decoded(snapshot.store.read(layout.signature(name)), name)
    if hashlib.sha256(data).hexdigest() != seal.sha256:
        raise Tampered(f"snapshot {name}: the manifest is not the one that was sealed")
    manifest = Manifest.decoded(data, name)
    check_seal(seal, data, name=name, signer=manifest.signer, trusted=trusted)
    if manifest.name != name:
        raise Tampered(
            f"snapshot {name} is really snapshot {manifest.name}, made "
            f"{manifest.started.isoformat()}, under another name"
        )
    return manifest


def _findings(snapshot: Snapshot, manifest: Manifest, result: Verification) -> Iterator[str]:
    archive = layout.archive(manifest.name)
    if manifest.encryption:
        archive = layout.sealed(archive)
    yield from _listing(snapshot, manifest)
    for record in manifest.files:
        if record.key != archive:
            yield from _file(snapshot, manifest, record.key)
    readable = not manifest.encryption or bool(snapshot.identities)
    if result.findings or not readable:
        yield from _file(snapshot, manifest, archive)
        if not result.findings:
            yield from elsewhere(snapshot)
        return
    yield from _archive(snapshot, manifest, archive, result)
    if not result.findings:
        yield from elsewhere(snapshot)
    for missing in unaccepted(manifest.coverage, manifest.scope.get("accept") or ()):
        yield f"coverage: {missing}"


def _listing(snapshot: Snapshot, manifest: Manifest) -> Iterator[str]:
    known = {record.key for record in manifest.files} | {
        layout.manifest(manifest.name),
        layout.signature(manifest.name),
    }
    stored = {entry.key for entry in snapshot.listed.entries}
    for key in sorted(known - stored):
        yield f"{key} is missing"
    for key in sorted(stored - known):
        if not layout.is_verification(key):
            yield f"{key} was not written with this snapshot"
        elif not _understood(snapshot.store.read(key)):
            yield f"{key}, the record of a verification, is damaged"


def _file(snapshot: Snapshot, manifest: Manifest, key: str) -> Iterator[str]:
    record, digest, size = manifest.file(key), hashlib.sha256(), 0
    try:
        for chunk in snapshot.store.stream(key, record.version):
            digest.update(chunk)
            size += len(chunk)
    except Missing:
        yield f"{key} cannot be read: it is missing"
        return
    if size != record.size or digest.hexdigest() != record.sha256:
        yield f"{key} was changed: {size} bytes stored, {record.size} written, hashes differ"


class _Hashed:
    """Hashes the stored bytes on their way."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._digest.update(chunk)
            yield chunk

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _archive(
    snapshot: Snapshot, manifest: Manifest, key: str, result: Verification
) -> Iterator[str]:
    """File hash and object hashes in one pass; only an encrypted file is read twice."""
    record = manifest.file(key)
    if manifest.encryption:
        yield from _file(snapshot, manifest, key)
    chunks = _Hashed(snapshot.archive())
    try:
        if not _exactly(snapshot, chunks, result):
            yield from _objects(snapshot, result)
            yield f"{key} is not the archive that was written"
            return
    except (BadArchive, Tampered, Missing) as problem:
        yield f"{key}: {problem}"
        return
    if not manifest.encryption and chunks.hexdigest() != record.sha256:
        yield f"{key} was changed: its hash differs from the manifest's"
    if (result.objects, result.bytes) != (manifest.objects, manifest.object_bytes):
        yield (
            f"{key} holds {result.objects} objects of {result.bytes} bytes; the manifest says "
            f"{manifest.objects} of {manifest.object_bytes}"
        )


def _exactly(snapshot: Snapshot, chunks: Iterable[bytes], result: Verification) -> bool:
    """The way of an intact snapshot: fast, and without a word about what is wrong."""
    archive = Exact(chunks)
    if not archive.begins():
        return False
    for line in snapshot.lines():
        body = archive.body(line.address, line.size)
        if body is None or hashlib.sha256(body).hexdigest() != line.sha256:
            return False
        result.objects += 1
        result.bytes += line.size
    return archive.ends()


def _objects(snapshot: Snapshot, result: Verification) -> Iterator[str]:
    """The way of a damaged one: read once more, entry by entry, to say what differs."""
    result.objects = result.bytes = 0
    files = (entry for entry in entries(snapshot.archive()) if entry.path != VERSION_ENTRY)
    for line in snapshot.lines():
        plain, copy = next(files, None), next(files, None)
        if not plain or not copy or plain.path != line.address.plain:
            yield f"object {line.address.plain} is missing from the archive"
            return
        if hashlib.sha256(plain.body).hexdigest() != line.sha256:
            yield f"object {plain.path} was changed"
        if copy.path != line.address.preferred or copy.body != plain.body:
            yield f"object {plain.path}: its second copy differs"
        result.objects += 1
        result.bytes += len(plain.body)
    for extra in files:
        yield f"object {extra.path} was added to the archive"


def record(snapshot: Snapshot, verification: Verification, moment: datetime) -> str:
    """Write down a good verification, create-only; returns the key."""
    verification.require()
    manifest = snapshot.store.read(layout.manifest(snapshot.name))
    document = {
        "snapshot": snapshot.name,
        "verified": moment.isoformat(),
        "objects": verification.objects,
        "bytes": verification.bytes,
        "signer": verification.signed_by,
        "manifest": hashlib.sha256(manifest).hexdigest(),
    }
    key = layout.verification(snapshot.name, moment)
    snapshot.store.put(key, _with_check(json.dumps(document, sort_keys=True).encode()))
    return key


def _with_check(text: bytes) -> bytes:
    return text + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n"


def _understood(data: bytes) -> dict[str, str] | None:
    """The record, None when a bit of it is not as it was written."""
    text = data.partition(b"\n")[0]
    if _with_check(text) != data:
        return None
    found: dict[str, str] = json.loads(text)
    return found


def recorded(snapshot: Snapshot) -> datetime | None:
    """When the snapshot was last verified. A damaged record, or one of another manifest, counts as
    none."""
    if not snapshot.listed.ours:
        return None
    manifest = hashlib.sha256(snapshot.store.read(layout.manifest(snapshot.name))).hexdigest()
    for key in reversed(snapshot.listed.verifications):
        found = _understood(snapshot.store.read(key))
        if found and (found["manifest"], found["snapshot"]) == (manifest, snapshot.name):
            return datetime.fromisoformat(found["verified"])
    return None
