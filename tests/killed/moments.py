"""One moment: a command is killed, its remains are cleared away, and the cluster is compared."""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any

from resilience.cluster.requests.request import Request
from resilience.cluster.transport import HttpCluster
from tests.killed import cluster_state
from tests.killed.cases import DISK, Case

FAULTS = "/sandbox/v1/faults/apiserver"
WRITES = ["POST", "PUT", "PATCH", "DELETE"]
PATIENCE = 240.0
"""Seconds that a command may take."""


class Trouble(Enum):
    """What goes wrong besides; API faults are on while it is killed and while it is cleared."""

    NONE = "no other trouble"
    BUSY = "API server answers 503"
    SLOW = "API server answers 429"
    RESETS = "connections are reset"
    FULL = "the journal's file cannot grow"
    DISK = "the disk of journal and report is full"
    LOST = "the local journal is lost"

    @classmethod
    def chosen(cls, random: Random) -> Trouble:
        """A lost journal costs a Lease's duration, so it comes less often."""
        return random.choices(list(cls), weights=(3, 2, 2, 2, 2, 2, 1))[0]


REQUESTS: dict[Trouble, dict[str, Any]] = {
    Trouble.BUSY: {"kind": "error", "code": 503, "times": 2, "methods": WRITES},
    Trouble.SLOW: {"kind": "error", "code": 429, "times": 3, "retryAfter": 1},
    Trouble.RESETS: {"kind": "reset", "times": 2},
}


SIZE = 16 << 20
"""Bytes of the disk of journal and report."""


@contextmanager
def own_disk(folder: Path) -> Iterator[bool]:
    """A tmpfs for journals and reports; False where this user may not mount one: then their files
    cannot grow, as with `FULL`."""
    place = folder / DISK
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    made = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield made
    finally:
        if made:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def _content(journal: Path) -> bytes:
    """Nothing, once everything was undone: then it is deleted."""
    try:
        return journal.read_bytes()
    except FileNotFoundError:
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder with scenarios, and the cluster that they act on. `disk`: journal and report are on
    a disk of their own, which can be filled."""

    folder: Path
    cluster: HttpCluster
    disk: bool = False

    def whole(self, words: Sequence[str]) -> None:
        """The command has to succeed."""
        code, said = self._ended(words)
        assert code == 0, f"{' '.join(words)} ended with {code}: {said}"

    def undisturbed(self, case: Case) -> float:
        """Seconds that the case takes when nobody kills it; nothing may be left."""
        before, began = cluster_state.state(self.cluster), time.monotonic()
        code, said = self._ended(case.words)
        assert code in (0, *case.verdicts), f"{case.name} ended with {code}: {said}"
        seconds = time.monotonic() - began
        case.reset(self.cluster)
        left = cluster_state.differences(self.cluster, before, self.folder)
        assert not left, f"{case.name}: {left}"
        print(f"{case.name}: {seconds:.1f} s when nobody kills it", flush=True)
        return seconds

    def moment(self, case: Case, after: float, trouble: Trouble) -> tuple[int | None, str]:
        """The exit code if it had ended before, and what was left, "" for nothing."""
        before = cluster_state.state(self.cluster)
        ended = self._killed(case.words, after, trouble, undoing=case.undoing)
        if trouble is Trouble.LOST:
            for file in self._journals():
                file.unlink()
        commands = list(case.after(self.cluster))
        if case.again:
            self._killed(commands[0], after / 4, Trouble.NONE)
        left = self._cleared(commands, trouble)
        if not left:
            case.reset(self.cluster)
        return ended, left or cluster_state.differences(self.cluster, before, self.folder)

    def _cleared(self, commands: Sequence[Sequence[str]], trouble: Trouble) -> str:
        self._disturb(trouble)
        for words in commands:
            code, said = self._ended(words)
            self._calm()
            if code:
                return f"`{' '.join(words[2:])}` ended with {code}: {said[-2000:]}"
        return ""

    def _killed(
        self, words: Sequence[str], after: float, trouble: Trouble, *, undoing: bool = False
    ) -> int | None:
        self._disturb(trouble)
        with subprocess.Popen(
            words, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as running:  # fmt: skip
            full = threading.Timer(after / 2, self._fill, [running, trouble])
            if trouble in (Trouble.FULL, Trouble.DISK):
                full.start()
            timer = threading.Timer(after, running.kill)
            killing = threading.Thread(target=self._kill_undoing, args=[running, after])
            (killing if undoing else timer).start()
            running.communicate(timeout=PATIENCE)
            timer.cancel()
            full.cancel()
            full.join() if full.is_alive() else None
            killing.join() if undoing else None
        self._filler.unlink(missing_ok=True)
        self._calm()
        return None if running.returncode == -9 else running.returncode

    def _ended(self, words: Sequence[str]) -> tuple[int, str]:
        done = subprocess.run(words, cwd=self.folder, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)  # fmt: skip
        return done.returncode, done.stdout

    def _journals(self) -> list[Path]:
        return sorted((self.folder / DISK / "journal").glob("*.jsonl"))

    def _kill_undoing(self, running: subprocess.Popen[str], after: float) -> None:
        """Once the first thing is undone; how much later is a part of `after`."""
        known = set(self._journals())
        while running.poll() is None:
            new = [file for file in self._journals() if file not in known]
            if any(b'"op":"done"' in _content(file) for file in new):
                time.sleep(after / 20)
                running.kill()
                return
            time.sleep(0.01)

    @property
    def _filler(self) -> Path:
        return self.folder / DISK / "filler"

    def _fill(self, running: subprocess.Popen[str], trouble: Trouble) -> None:
        if trouble is Trouble.DISK and self.disk:
            with suppress(OSError), self._filler.open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(1 << 12))
            return
        for file in self._journals():
            size = file.stat().st_size
            resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (size, size))

    def _disturb(self, trouble: Trouble) -> None:
        if trouble in REQUESTS:
            self.cluster.send(Request("POST", FAULTS, body=REQUESTS[trouble]))

    def _calm(self) -> None:
        self.cluster.send(Request("DELETE", FAULTS))
