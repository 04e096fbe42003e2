"""Data of volumes and dumps in a restic repository: deduplicated across snapshots.

A stream is piped into `restic backup --stdin` and only recorded once its proofs are complete: until
then restic has not seen the end of its input, and is stopped without having recorded anything. If a
run is killed in the middle, restic sees an early end of input; what it then records belongs to no
snapshot of this program, is never read, and is deleted later. Data is read with `restic dump`; the
caller compares it with the hash in the manifest.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from resilience.backup.format import layout
from resilience.backup.format.backup_clock import Clock, SystemClock
from resilience.backup.format.errors import Busy, Missing, StoreError
from resilience.backup.restic.restic_process import Pipe, ended, started, stopped
from resilience.backup.restic.restic_program import Place, meaning, place, run
from resilience.backup.store import Store
from resilience.backup.store.base import CHUNK
from resilience.backup.store.store_lock import Lock

NAME = "restic"
_HOST = "pytest-resilience"
_MAKING = timedelta(minutes=2)
_PAUSE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ResticRepository:
    """The repository of one store. Keys are the same as those that the data would have in the store
    itself."""

    store: Store
    place: Place
    engine: str = NAME

    def ready(self, clock: Clock) -> None:
        """Create the repository at its first use; of two processes, one creates it and one
        waits."""
        until = clock.now() + 2 * _MAKING
        while not self._exists():
            try:
                with Lock(self.store, NAME, "a first snapshot", clock=clock, ttl=_MAKING).held():
                    if not self._exists():
                        run(self.place, "init")
            except Busy:
                if clock.now() >= until:
                    raise
                clock.wait(_PAUSE)

    def _exists(self) -> bool:
        # restic writes `config-tmp-...` first, which has the same beginning.
        config = f"{layout.RESTIC}/config"
        return any(each.key == config for each in self.store.list(config))

    @contextmanager
    def streamed(self, key: str) -> Iterator[Callable[[bytes], object]]:
        """One stream, which is recorded only if the block ends without an error."""
        path = _path(key)
        words = ("backup", "--stdin", "--stdin-filename", path, "--host", _HOST, "--json")
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
            process = started(self.place, words, stdout=said, stderr=complained)
            assert process.stdin
            sent = Pipe(process.stdin)
            try:
                yield sent.write
            except BaseException:
                stopped(process)
                if sent.broken:
                    raise meaning(_all(complained), self.place, otherwise=StoreError) from None
                raise
            if ended(process):
                raise meaning(_all(complained), self.place, otherwise=StoreError)
            _require_all(_all(said), sent.bytes, key)

    def read(self, key: str) -> Iterator[bytes]:
        """All bytes stored under a key; `Missing` when there are none, `Tampered` when restic
        cannot return them."""
        path = _path(key)
        words = ("dump", "--no-lock", "--path", path, "--host", _HOST, "latest", path)
        with tempfile.TemporaryFile() as complained:
            process = started(self.place, words, stdout=subprocess.PIPE, stderr=complained)
            assert process.stdout
            try:
                while chunk := process.stdout.read(CHUNK):
                    yield chunk
            finally:
                process.stdout.close()  # a reader that left early: the broken pipe ends restic
                code = process.wait()
            if code:
                raise meaning(_all(complained), self.place)

    def forget(self, keys: Iterable[str]) -> None:
        """Delete these records; `free` releases the space."""
        wanted = {_path(key) for key in keys}
        gone = [each["id"] for each in self._recorded() if wanted & set(each["paths"])]
        if gone:
            run(self.place, "forget", *gone)

    def free(self) -> None:
        """Delete what no record refers to. Locks of processes that are gone do not block it."""
        run(self.place, "unlock")
        run(self.place, "prune")

    def recorded(self) -> dict[str, datetime]:
        """The keys that are stored, with their times."""
        return {
            path.removeprefix("/"): _moment(each["time"])
            for each in self._recorded()
            for path in each["paths"]
        }

    def _recorded(self) -> Sequence[dict[str, Any]]:
        out = run(self.place, "snapshots", "--json", "--no-lock", "--host", _HOST)
        found: Sequence[dict[str, Any]] = json.loads(out) or []
        return found


def repository(store: Store) -> ResticRepository:
    """The repository of a store; no process is started."""
    return ResticRepository(store=store, place=place(store))


def made(store: Store, clock: Clock | None = None) -> ResticRepository:
    """The repository of a store; raises if there is none."""
    found = repository(store)
    found.ready(clock or SystemClock())
    return found


def _path(key: str) -> str:
    return f"/{key}"


def _moment(text: str) -> datetime:
    """Parse restic's times: it writes nanoseconds, which Python cannot read."""
    whole, _, rest = text.partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    moment = datetime.fromisoformat(whole + zone.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _all(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _require_all(said: bytes, sent: int, key: str) -> None:
    """Compare with restic's own byte count, as an additional proof that it read everything."""
    lines = [json.loads(line) for line in said.splitlines() if line.startswith(b"{")]
    summary = next((each for each in lines if each.get("message_type") == "summary"), None)
    if summary is None or summary["total_bytes_processed"] != sent:
        took = summary and summary["total_bytes_processed"]
        raise Missing(f"{key}: restic took {took} of {sent} bytes")
