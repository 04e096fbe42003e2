"""The shipped store, right and wrong: each wrong mode is caught, the right one never accused.

LEDGER_SEEDS=50 runs fifty of each (`make ledger`). Real processes, real kills, real time.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resilience.ledger.serve.durable_store import MODES
from tests.ledger.trial import FAULTS, run

SEEDS = range(int(os.environ.get("LEDGER_SEEDS", "1")))

CAUGHT_BY = {
    "acknowledge-before-write": {"store.lost"},
    "no-fsync": {"store.lost"},
    "lose-last-on-term": {"store.lost"},
    "stale-reads": {"store.stale"},
    "fork-after-restore": {"store.lost", "store.stale"},
}


def test_every_wrong_mode_has_its_fault_and_its_finding() -> None:
    assert set(FAULTS) == set(CAUGHT_BY) == set(MODES)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("wrong", MODES)
def test_a_store_that_is_wrong_on_purpose_is_caught(tmp_path: Path, wrong: str, seed: int) -> None:
    found = run(tmp_path, seed, wrong, FAULTS[wrong])
    assert set(found.broken) & CAUGHT_BY[wrong], [each.measured for each in found.findings]
    assert set(found.broken) <= CAUGHT_BY[wrong], found.broken


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mode", MODES)
def test_the_right_store_is_never_accused(tmp_path: Path, mode: str, seed: int) -> None:
    found = run(tmp_path, seed, "", FAULTS[mode])
    assert found.broken == [], [(each.name, each.measured, each.detail) for each in found.findings]
    assert found.analysis.acknowledged > 20


def test_too_few_writes_during_the_fault_are_no_power(tmp_path: Path) -> None:
    found = run(tmp_path, 0, "", FAULTS["no-fsync"], rate=5.0)
    assert found.results == {"not measured"}
    lost = next(each for each in found.findings if each.name == "store.lost")
    assert "50 needed: no power; raise `rate`" in lost.measured


def test_a_lost_write_names_its_key_the_fault_and_who_acknowledged_it(tmp_path: Path) -> None:
    found = run(tmp_path, 3, "no-fsync", FAULTS["no-fsync"])
    lost = next(each for each in found.findings if each.name == "store.lost")
    assert lost.detail[0].startswith("acknowledged by ")
    assert "around the fault" in lost.detail[1]
    assert found.analysis.lost[0].write.key in lost.detail[2]
    assert " before the fault" in lost.detail[2]


def test_the_journal_has_each_write_before_its_answer(tmp_path: Path) -> None:
    found = run(tmp_path, 4, "", None)
    lines = found.history.path.read_text().splitlines()
    sent = [each for each in found.history.writes if each.invoked is not None]
    journals = [[line for line in lines if each.key in line and "read" not in line]
                for each in sent[:50]]  # fmt: skip
    assert all('"sending"' in mine[1] for mine in journals)
    answered = [mine for mine in journals if len(mine) > 2]  # a busy machine leaves some open
    assert all('"became"' in mine[2] for mine in answered)
    assert len(answered) > 25
