"""One volume that is in the store, of a snapshot that is not complete yet.

A text file: the seal (`sign.Seal`), an empty line, a JSON document. It names its snapshot, so that
it cannot be moved to another, and its disk, so that the data of a claim that was made again is not
taken for it. Its fields are no manifest's, so that a signature of one is worth nothing for the
other.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from resilience.backup.format import limited
from resilience.backup.format.errors import Tampered
from resilience.backup.format.manifest import FileRecord, VolumeRecord
from resilience.backup.format.sign import Seal, Signer, check_seal, seal

_FORM = "volume of an unfinished snapshot, 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedVolume:
    """`uid` and `disk` are the claim's. `began` is when its reading began; `sitting` is shared by
    the volumes that were read between the same hooks. `files` is empty where an engine keeps the
    data. `cluster` is the uid of the cluster, "" if it could not be read."""

    snapshot: str
    cluster: str
    uid: str
    disk: str
    began: datetime
    sitting: str
    volume: VolumeRecord
    files: tuple[FileRecord, ...] = ()
    recipients: tuple[str, ...] = ()
    signer: str = ""

    def encoded(self, signer: Signer | None) -> bytes:
        """The file, signed if there is a key."""
        document = dataclasses.asdict(self) | {
            "form": _FORM,
            "began": self.began.astimezone(UTC).isoformat(),
            "signer": signer.public if signer else "",
        }
        body = json.dumps(document, sort_keys=True, indent=1).encode()
        return seal(body, signer).encoded() + b"\n" + body

    @classmethod
    def decoded(cls, data: bytes, key: str, *, snapshot: str, trusted: str) -> Self:
        """Read back; `Tampered` if it is damaged, of another snapshot, or not signed by
        `trusted` ("": by anyone or no one)."""
        head, _, body = data.partition(b"\n\n")
        sealed = Seal.decoded(head + b"\n", key)
        try:
            document = limited.mapping(limited.parsed(body), "it")
            found = cls._read(document)
        except ValueError as problem:
            raise Tampered(f"{key} is damaged ({problem})") from problem
        check_seal(sealed, body, name=key, signer=found.signer, trusted=trusted)
        if found.snapshot != snapshot:
            raise Tampered(f"{key} belongs to snapshot {found.snapshot}")
        return found

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        if document.pop("form", None) != _FORM:
            raise ValueError("it is no record of a volume, or one of another version")

        def volume(value: Any, what: str) -> VolumeRecord:
            return limited.record(VolumeRecord, value)

        return limited.record(cls, document, volume=volume, files=limited.records(FileRecord))
