"""A plan is judged by what was verified."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from resilience.backup.format import layout
from resilience.backup.format.errors import (
    NoSnapshot,
)
from resilience.backup.plans.lifecycle import newest
from resilience.backup.plans.plan_judge import fresh, intact
from resilience.model.verdict import Finding, Result
from tests.backup.fakes import shop
from tests.backup.plans.shop_plan import KEYS, PLAN, clocked, due_run


def findings(found: Sequence[Finding]) -> dict[str, tuple[Result, str]]:
    return {each.name: (each.result, each.measured) for each in found}


def test_fresh_counts_from_the_start_of_the_newest_verified_snapshot() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    clock.wait(3600 * 5)
    assert findings(fresh(PLAN, store, clock=clock)) == {
        "rpo": (Result.PASSED, "shop-20260301020000 is 5h old"),
        "missed": (Result.PASSED, "none missed"),
    }


def test_a_snapshot_that_nobody_verified_is_not_fresh() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    for key in [key for key in store.files if layout.is_verification(key)]:
        del store.files[key]
    assert findings(fresh(PLAN, store, clock=clock))["rpo"] == (
        Result.FAILED,
        "none of 1 snapshots was ever verified",
    )


def test_an_old_snapshot_and_a_missed_fire_are_named() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    clock.wait(86400 + 1800)
    assert findings(fresh(PLAN, store, clock=clock))["missed"][0] is Result.PASSED
    clock.wait(2 * 3600)
    found = {each.name: each for each in fresh(PLAN, store, clock=clock)}
    assert found["rpo"].result is Result.FAILED
    assert found["missed"].result is Result.FAILED
    assert found["missed"].detail == ("no snapshot began within 1h of 2026-03-02 02:00 UTC",)


@pytest.mark.parametrize(
    ("hours", "skew", "result"),
    [
        (5, 3600, Result.PASSED),
        (25.5, 3600, Result.NOT_MEASURED),
        (25.5, -3600, Result.PASSED),
        (26.5, 3600, Result.FAILED),
        (26.5, -3600, Result.NOT_MEASURED),
        (27.5, -3600, Result.FAILED),
    ],
)
def test_an_age_between_two_clocks_is_judged_by_both(
    hours: float, skew: float, result: Result
) -> None:
    """A host of the cluster may have dated the snapshot; the RPO is 26 h."""
    clock, store = clocked()
    due_run(shop(), store, clock)
    clock.wait(3600 * hours)
    [rpo] = [each for each in fresh(PLAN, store, clock=clock, skew=skew) if each.name == "rpo"]
    assert rpo.result is result
    where = "ahead of" if skew > 0 else "behind"
    assert f"the API server's clock is 3600 s {where} this machine's" in rpo.detail[-1]
    if result is Result.NOT_MEASURED:
        assert "if the cluster's clock dated it" in rpo.measured


def test_no_snapshot_at_all_is_a_failure_and_says_so() -> None:
    clock, store = clocked()
    assert findings(fresh(PLAN, store, clock=clock))["rpo"] == (Result.FAILED, "no snapshot at all")
    assert findings(intact(PLAN, store, clock=clock, keys=KEYS))["intact"][0] is Result.FAILED
    with pytest.raises(NoSnapshot, match=r"resilience backup create shop\.plan\.yaml"):
        newest(store, PLAN)


def test_intact_finds_damage_and_writes_down_what_is_good() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    clock.wait(60)
    before = len(store.files)
    (good,) = intact(PLAN, store, clock=clock, keys=KEYS)
    assert good.result is Result.PASSED
    assert len(store.files) == before + 1
    key = layout.archive("shop-20260301020000")
    store.files[key] = store.files[key][:-9] + bytes(9)
    (bad,) = intact(PLAN, store, clock=clock, keys=KEYS)
    assert bad.result is Result.FAILED
