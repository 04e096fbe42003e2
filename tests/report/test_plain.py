"""One sentence for people who do not know Kubernetes, and never one word of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from resilience.model.finding import Figure, Finding, Result, Unit
from resilience.model.report import RunRecord
from resilience.model.verb import Family, Verb
from resilience.model.verdict import Outcome
from resilience.report.plain import DONE, UNKNOWN, plain
from resilience.verbs.catalogue import BUILTIN, catalogue
from tests.report.made import drill, record

JARGON = re.compile(
    r"\b(pods?|nodes?|probe|namespace|kubelet|deployment|objective|evict\w*|drain\w*|p\d\d|rto|rpo)\b",
    re.IGNORECASE,
)


def test_every_action_has_everyday_words() -> None:
    """Verbs that only order others (repeat, parallel) are told by those that they order."""
    found = [catalogue().find(name) for name in BUILTIN]
    verbs = [each for each in found if isinstance(each, Verb)]
    assert {verb.name for verb in verbs if verb.family is Family.ACTION} <= set(DONE)


def test_a_service_that_passed_is_said_to_withstand_the_fault() -> None:
    assert plain(record(False)) == (
        "The service withstood it: every request was answered while some of its copies were "
        "stopped and a machine it runs on was emptied, as for maintenance."
    )


def test_an_action_that_found_nothing_to_do_is_not_told() -> None:
    made = record(False)
    steps = [replace(each, result=Result.NOT_MEASURED) if each.verb == "drain" else each
             for each in made.steps]  # fmt: skip
    assert plain(replace(made, steps=steps)).endswith("while some of its copies were stopped.")


def test_an_action_that_the_service_did_not_allow_is_told() -> None:
    made = record()
    steps = [replace(each, result=Result.FAILED) for each in made.steps]
    assert "a machine it runs on was emptied" in plain(replace(made, steps=steps))


def test_a_service_that_failed_is_described_with_its_numbers() -> None:
    assert plain(record()).startswith(
        "The service did not withstand it: 82.814% of all requests were answered well instead of "
        "99% and it was out for 2.98s (2s are allowed) while some of its copies were stopped"
    )


def test_lost_writes_are_the_first_thing_said() -> None:
    lost = Finding(name="orders.lost", figure=Figure.LOST, value=1.0, limit=0.0,
                   result=Result.FAILED, unit=Unit.COUNT)  # fmt: skip
    made = replace(record(), findings=[lost])
    assert plain(made).startswith("The service did not withstand it: 1 saved entry was lost while")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (41.5, "The backup can be restored: a copy was restored separately and compared. It took "
               "41.5s, "
               "60s are allowed."),
        (90.0, "The backup could not be restored as wanted. It took 90s, 60s are allowed."),
    ],
)  # fmt: skip
def test_a_drill_is_described_with_its_time_to_restore(seconds: float, text: str) -> None:
    assert plain(drill(seconds)) == text


@pytest.mark.parametrize("outcome", [each for each in Outcome if each in UNKNOWN])
def test_what_was_not_measured_is_not_called_good(outcome: Outcome) -> None:
    text = plain(replace(record(False), outcome=outcome))
    assert not re.search("withstood|can be restored|recent enough", text)


def test_every_outcome_has_a_sentence_without_jargon() -> None:
    made: list[RunRecord] = [replace(record(), outcome=outcome) for outcome in Outcome]
    for each in (*made, record(False), drill(), drill(90)):
        assert plain(each).endswith(".")
        assert not JARGON.search(plain(each)), plain(each)
    for text in DONE.values():
        assert not JARGON.search(text), text
