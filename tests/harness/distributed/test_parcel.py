"""What a worker reports arrives as it was, and nothing else can arrive."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import pytest

from resilience.harness.distributed.parcel import Parcel, parsed, text
from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome
from resilience.report.document import run
from resilience.report.machine.metrics import metrics
from tests.report.made import record

RECORDS = [record(broken) for broken in (True, False)]


def travelled(original: RunRecord) -> RunRecord:
    (arrived,) = parsed(text(Parcel(records=[original])), {}).records
    return arrived


def plain(values: Sequence[Any]) -> Any:
    """Whether something is a list or a tuple is not compared."""
    return json.loads(json.dumps([dataclasses.asdict(each) for each in values], default=repr))


@pytest.mark.parametrize("original", RECORDS)
def test_every_form_of_the_report_is_the_same(original: RunRecord) -> None:
    arrived = travelled(original)
    assert run(arrived) == run(original)
    assert metrics([arrived]) == metrics([original])


@pytest.mark.parametrize("original", RECORDS)
def test_a_record_arrives_as_it_was_but_for_the_scenarios_steps(original: RunRecord) -> None:
    arrived = travelled(original)
    for field in dataclasses.fields(RunRecord):
        if field.name not in ("scenario", "steps", "findings", "probes", "timeline"):
            assert getattr(arrived, field.name) == getattr(original, field.name), field.name
    for name in ("steps", "findings", "probes", "timeline"):
        assert plain(getattr(arrived, name)) == plain(getattr(original, name))
    for name in ("id", "title", "tags", "namespace", "seed", "matrix", "description", "place"):
        assert getattr(arrived.scenario, name) == getattr(original.scenario, name)


def test_a_known_scenario_gets_its_steps_back() -> None:
    original = RECORDS[0]
    known = {("", original.scenario.place.file, original.scenario.id): original.scenario}
    (arrived,) = parsed(text(Parcel(records=[original])), known).records
    assert arrived.scenario is original.scenario


def test_outcomes_and_leftovers_of_a_worker_arrive_at_the_controller() -> None:
    sent = Parcel(outcomes={"a": Outcome.REFUSED}, left=["x"], put_back=["r"], interrupted="SIGHUP")
    arrived = parsed(text(sent), {})
    assert (arrived.outcomes, [*arrived.left], [*arrived.put_back], arrived.interrupted) == (
        {"a": Outcome.REFUSED}, ["x"], ["r"], "SIGHUP",
    )  # fmt: skip


@pytest.mark.parametrize(
    "data", ["", "[]", "{", json.dumps({"records": 3}), json.dumps({"outcomes": {"a": "good"}})]
)
def test_what_is_no_parcel_is_an_error_of_one_kind(data: str) -> None:
    with pytest.raises(ValueError, match="a worker's report cannot be read"):
        parsed(data, {})


def test_nothing_new_is_nothing_to_send() -> None:
    assert not Parcel()
    assert Parcel(left=["x"])
