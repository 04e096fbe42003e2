"""In which readings of an archive its objects are restored, and how often its list is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.backup.objects import order
from resilience.backup.objects.restore_plan import Indexed, RestoreStage, plan

KINDS = ["namespaces", "secrets", "pods", "deployments.apps", "widgets.example.com"]
INDEXED = st.builds(
    Indexed,
    st.sampled_from(KINDS),
    st.sampled_from("abcdef"),
    st.lists(st.sampled_from("abcdefg"), max_size=2),
)


@given(st.lists(INDEXED, max_size=12, unique_by=lambda each: each.uid))
def test_each_stage_is_in_one_reading_and_none_before_an_earlier_one(
    objects: list[Indexed],
) -> None:
    """Within a reading, the last object of a stage comes before the first of the next."""
    found = plan(lambda: objects)
    stages = [found.stage(each.kind, each.uid) for each in objects]
    read = [stage for reading in found.readings for stage in sorted(reading)]
    assert read == sorted(set(stages))
    assert found.count == len(objects)
    assert found.kinds == {each.kind for each in objects}
    for reading in found.readings:
        places = [stage for stage in stages if stage in reading]
        assert places == sorted(places)


@pytest.mark.parametrize(("owners", "times"), [((), 1), (("a",), 3)])
def test_a_list_without_owners_is_read_once(owners: Sequence[str], times: int) -> None:
    readings = 0

    def index() -> Iterator[Indexed]:
        nonlocal readings
        readings += 1
        yield Indexed("deployments.apps", "a", ())
        yield Indexed("pods", "b", owners)

    found = plan(index)
    assert readings == times
    assert found.stage("pods", "b") == RestoreStage(
        order.wave("deployments.apps" if owners else "pods"), 1 if owners else 0
    )
