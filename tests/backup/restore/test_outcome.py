"""The counts of a restore in words."""

from __future__ import annotations

from resilience.backup.restore.outcome import Item, Outcome, RestoreReport


def _report(*outcomes: Outcome) -> RestoreReport:
    items = [Item("configmaps", "shop", str(at), each) for at, each in enumerate(outcomes)]
    return RestoreReport("r", "s", items=items)


def test_a_count_of_several_objects_is_plural() -> None:
    assert _report(Outcome.EQUAL).counted == "1 exists and is equal"
    several = _report(Outcome.SKIPPED, Outcome.EQUAL, Outcome.CREATED, *[Outcome.EQUAL] * 2)
    assert several.counted == ("1 created, 3 exist and are equal, 1 exists and was left unchanged")
    assert _report(*[Outcome.SKIPPED] * 2).counted == "2 exist and were left unchanged"


def test_a_restore_of_no_object_counts_nothing() -> None:
    assert _report().counted == "nothing"
