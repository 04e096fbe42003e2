"""Promises: nothing is passed that was not read, or that had no power."""

from __future__ import annotations

import pytest

from resilience.ledger.analysis import Analysis, Lost
from resilience.ledger.attribution import active
from resilience.ledger.promises import Allow, Power, findings, power
from resilience.ledger.records import Fate, Strike, Write
from resilience.model.values import Duration, Share
from resilience.model.verdict import Finding, Result

ENOUGH = Power(sent=100)


def acknowledged(at: float, seq: int = 0) -> Write:
    return Write(seq=seq, key=f"k{seq}", intended=at, invoked=at, ended=at + 0.01,
                 fate=Fate.ACKNOWLEDGED, by="db-0")  # fmt: skip


def judged(analysis: Analysis, allow: Allow | None = None, stakes: Power = ENOUGH,
           trouble: str = "") -> dict[str, Finding]:  # fmt: skip
    found = findings("db", analysis, allow or Allow(), stakes, [], trouble)
    return {each.name.removeprefix("db."): each for each in found}


GOOD = Analysis(acknowledged=100, reads=3, finals=2)


def test_a_ledger_that_was_read_whole_passes() -> None:
    assert {each.result for each in judged(GOOD).values()} == {Result.PASSED}


@pytest.mark.parametrize(
    ("analysis", "stakes", "trouble", "says"),
    [
        (Analysis(reads=1, finals=1), ENOUGH, "", "no write was acknowledged"),
        (Analysis(acknowledged=2, never_read=("a", "b")), ENOUGH, "", "never read after healing"),
        (GOOD, Power(sent=3, doubt="3 writes during the fault"), "", "3 writes during the fault"),
        (GOOD, ENOUGH, "the final read was interrupted", "interrupted"),
    ],
)
def test_what_proves_nothing_is_not_measured(
    analysis: Analysis, stakes: Power, trouble: str, says: str
) -> None:
    for finding in judged(analysis, stakes=stakes, trouble=trouble).values():
        assert finding.result is Result.NOT_MEASURED
        assert says in finding.measured


def test_a_loss_fails_whatever_the_power() -> None:
    lost = Analysis(acknowledged=3, reads=1, finals=1, lost=(Lost(write=acknowledged(1)),))
    found = judged(lost, stakes=Power(sent=3, doubt="no power"))
    assert found["lost"].result is Result.FAILED
    assert found["corrupt"].result is Result.NOT_MEASURED


@pytest.mark.parametrize(
    ("what", "analysis", "allow"),
    [
        ("lost", Analysis(acknowledged=9, finals=1, lost=(Lost(write=acknowledged(1)),)),
         Allow(lost=1)),
        ("stale", Analysis(acknowledged=9, finals=1, reads=9, stale={"a": 1.5}),
         Allow(stale=Duration.of(2))),
        ("duplicated", Analysis(acknowledged=9, finals=1, duplicated={"a": 2}),
         Allow(duplicated=1)),
        ("corrupt", Analysis(acknowledged=9, finals=1, corrupt=("a",)), Allow(corrupt=1)),
        ("phantom", Analysis(acknowledged=9, finals=1, phantom=("a",)), Allow(phantom=1)),
        ("unknown", Analysis(acknowledged=9, finals=1, unknown=1),
         Allow(unknown=Share.parse("10%"))),
    ],
)  # fmt: skip
def test_each_promise_is_broken_by_one_too_many(
    what: str, analysis: Analysis, allow: Allow
) -> None:
    strict = Allow(unknown=Share.parse("9%"))
    assert judged(analysis, strict)[what].result is Result.FAILED
    assert judged(analysis, allow)[what].result is Result.PASSED


def test_power_takes_fifty_writes_and_one_at_stake() -> None:
    strike = Strike(at=10.0, text="kill of db-0")
    many = [acknowledged(9.5 + i / 50, i) for i in range(60)]
    assert power(many, [strike], 9.4, 20).doubt == ""
    assert "49 writes during the fault, 50 needed" in power(many[:49], [strike], 9.4, 20).doubt
    late = [acknowledged(10.5 + i / 50, i) for i in range(60)]
    assert "before kill of db-0: nothing was at stake" in power(late, [strike], 9.4, 20).doubt


def test_a_loss_goes_with_the_next_strike_else_the_last() -> None:
    first, second = Strike(at=1.0, text="first"), Strike(at=5.0, text="second")
    for at, strike, apart in ((0.5, first, 0.49), (3.0, second, 1.99), (9.0, second, -4.01)):
        found = active(acknowledged(at), [first, second])
        assert found is not None
        assert found[0] is strike
        assert found[1] == pytest.approx(apart)
    assert active(acknowledged(9.0), []) is None
