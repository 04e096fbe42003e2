"""One moment: a command is killed, its remains are cleared away, and the cluster is compared."""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any

from resilience.cluster.requests.request import Request
from resilience.cluster.transport import HttpCluster
from tests.killed import cluster_state
from tests.killed.cases import Case

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
    FULL = "the journal's disk is full"
    LOST = "the local journal is lost"

    @classmethod
    def chosen(cls, random: Random) -> Trouble:
        """A lost journal costs a Lease's duration, so it comes less often."""
        return random.choices(list(cls), weights=(3, 2, 2, 2, 2, 1))[0]


REQUESTS: dict[Trouble, dict[str, Any]] = {
    Trouble.BUSY: {"kind": "error", "code": 503, "times": 2, "methods": WRITES},
    Trouble.SLOW: {"kind": "error", "code": 429, "times": 3, "retryAfter": 1},
    Trouble.RESETS: {"kind": "reset", "times": 2},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder with scenarios, and the cluster that they act on."""

    folder: Path
    cluster: HttpCluster

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
        ended = self._killed(case.words, after, trouble)
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

    def _killed(self, words: Sequence[str], after: float, trouble: Trouble) -> int | None:
        self._disturb(trouble)
        with subprocess.Popen(
            words, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as running:  # fmt: skip
            full = threading.Timer(after / 2, self._fill, [running])
            if trouble is Trouble.FULL:
                full.start()
            timer = threading.Timer(after, running.kill)
            timer.start()
            running.communicate(timeout=PATIENCE)
            timer.cancel()
            full.cancel()
        self._calm()
        return None if running.returncode == -9 else running.returncode

    def _ended(self, words: Sequence[str]) -> tuple[int, str]:
        done = subprocess.run(words, cwd=self.folder, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)  # fmt: skip
        return done.returncode, done.stdout

    def _journals(self) -> list[Path]:
        return sorted((self.folder / ".resilience/journal").glob("*.jsonl"))

    def _fill(self, running: subprocess.Popen[str]) -> None:
        for file in self._journals():
            size = file.stat().st_size
            resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (size, size))

    def _disturb(self, trouble: Trouble) -> None:
        if trouble in REQUESTS:
            self.cluster.send(Request("POST", FAULTS, body=REQUESTS[trouble]))

    def _calm(self) -> None:
        self.cluster.send(Request("DELETE", FAULTS))
