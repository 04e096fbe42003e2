"""The recovery point in writes: what a copy must, may and must not hold."""

from __future__ import annotations

from resilience.ledger import promises, restored
from resilience.ledger.records import Fate, Found, Span, Write
from resilience.model.verdict import Result

SNAPSHOT, RESTORE = Span(since=10, until=12, name="shop"), Span(since=20, until=25, name="copy")


def writes(*ended: float) -> list[Write]:
    return [Write(seq=i, key=f"k{i}", intended=at - 1, invoked=at - 0.5, ended=at,
                  fate=Fate.ACKNOWLEDGED) for i, at in enumerate(ended)]  # fmt: skip


def copy(*keys: str) -> Found:
    return Found(values=dict.fromkeys(keys, 1))


def test_before_must_during_may_after_must_not() -> None:
    made = writes(9, 11, 15)
    for there, missing, later in (
        (("k0",), [], []),
        (("k0", "k1"), [], []),
        (("k1",), ["k0"], []),
        (("k0", "k1", "k2"), [], ["k2"]),
    ):
        found = restored.recovery(made, copy(*there), SNAPSHOT, RESTORE)
        assert [each.key for each in found.missing] == missing
        assert [each.key for each in found.later] == later


def test_the_recovery_point_counts_writes_and_seconds() -> None:
    found = restored.recovery(writes(9, 11, 15, 18, 30), copy("k0", "k1"), SNAPSHOT, RESTORE)
    assert found.lost_writes == 2, "the one of 30 came after the restore had begun"
    assert found.lost_seconds == 20 - 11
    [finding] = promises.of_restore("orders", found)
    assert finding.result is Result.PASSED
    assert finding.measured == (
        "1 of 1 are in the copy; recovery point: 2 acknowledged writes not in the copy; its newest"
        " is 9s older than the restore"
    )


def test_a_copy_that_was_not_read_or_had_nothing_to_hold_is_not_measured() -> None:
    for found, trouble in (
        (None, "the copy was not read: refused"),
        (restored.recovery(writes(11), copy("k0"), SNAPSHOT, RESTORE), ""),
    ):
        [finding] = promises.of_restore("orders", found, trouble)
        assert finding.result is Result.NOT_MEASURED


def test_a_restored_service_is_excused_from_the_snapshot_on() -> None:
    assert restored.excused([SNAPSHOT], [RESTORE]) == [(10, 25)]
    later = Span(since=21, until=22, name="shop")
    assert restored.excused([SNAPSHOT, later], [RESTORE]) == [(10, 25)], "of before the restore"
    assert restored.excused([], [RESTORE]) == [(float("-inf"), 25)]
