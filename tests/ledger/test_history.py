"""What cannot be written down is not sent."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from resilience.ledger.drivers.session import Session, Unusable
from resilience.ledger.history import History, NotWritten
from resilience.ledger.records import Fate, Found, Write
from resilience.ledger.writers import Writers


class Spy:
    """A store that notes what reaches it."""

    def __init__(self, puts: list[str]) -> None:
        self.puts = puts

    def put(self, key: str, value: str) -> str:
        self.puts.append(key)
        return "spy"

    def get(self, key: str) -> Found:
        return Found(values={key: 1})

    def every(self) -> Found:
        return Found(values=dict.fromkeys(self.puts, 1))

    def clear(self) -> None:
        self.puts.clear()

    def close(self) -> None:
        pass


def writers(history: History, open_: object, rate: float = 200) -> Writers:
    return Writers(open_, history, "r.l.", interval=1 / rate, timeout=1, size=64,  # type: ignore[arg-type]
                   sampled=0.5, random=Random(1))  # fmt: skip


def until(holds: object) -> None:
    end = time.monotonic() + 30
    while not holds() and time.monotonic() < end:  # type: ignore[operator]
        time.sleep(0.01)
    assert holds()  # type: ignore[operator]


def test_on_a_full_disk_nothing_is_sent_and_the_reason_is_told(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.fail("this test needs /dev/full")
    history = History(tmp_path / "l.jsonl", {})
    os.dup2(os.open(full, os.O_WRONLY), history._file)
    puts: list[str] = []
    made = writers(history, lambda: Spy(puts))
    made.start()
    until(lambda: made.trouble)
    made.stop(5)
    assert puts == []
    assert "cannot be written: No space left on device" in made.trouble
    with pytest.raises(NotWritten):
        history.plan(Write(seq=1, key="k", intended=0))


def test_writes_leave_at_their_rate_while_the_store_hangs(tmp_path: Path) -> None:
    class Slow(Spy):
        def put(self, key: str, value: str) -> str:
            time.sleep(0.5)
            return super().put(key, value)

    history, puts = History(tmp_path / "l.jsonl", {}), list[str]()
    made = writers(history, lambda: Slow(puts), rate=50)
    made.start()
    until(lambda: len(history.writes) >= 40)
    made.stop(5)
    intended = [each.intended for each in history.writes]
    assert {round(b - a, 6) for a, b in pairwise(intended)} == {0.02}
    sent = [each for each in history.writes if each.invoked is not None]
    assert len(sent) > 20, "no write waited for the answer of the one before"


def test_a_driver_that_cannot_work_ends_the_ledger_with_its_reason(tmp_path: Path) -> None:
    def broken() -> Session:
        raise Unusable("the package redis is not installed")

    history = History(tmp_path / "l.jsonl", {})
    made = writers(history, broken)
    made.start()
    until(lambda: made.trouble)
    made.stop(5)
    assert made.trouble == "the package redis is not installed"
    assert {each.fate for each in history.writes} <= {Fate.UNSENT, Fate.OPEN}


def test_the_file_is_private_and_never_another_ledgers(tmp_path: Path) -> None:
    history = History(tmp_path / "l.jsonl", {"run": "r"})
    assert (tmp_path / "l.jsonl").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        History(tmp_path / "l.jsonl", {})
    history.close(keep=False)
    assert not (tmp_path / "l.jsonl").exists()
