"""`log` as a word of the language."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.kube.selectors import Selector
from resilience.probes.kinds.logs.log import VERB, Log, promised

PODS = Selector.parse("app=web")


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({}, "", "neither `absent` nor `present` is given"),
        ({"absent": "("}, "absent", "not a regular expression"),
        ({"present": "x*"}, "present", "matches every line"),
    ],
)
def test_what_cannot_be_looked_for_is_told_at_its_key(
    given: dict[str, Any], field: str, says: str
) -> None:
    [complaint] = VERB.check(Log(pods=PODS, **given))
    assert complaint.field == field
    assert says in complaint.message


def test_the_promise_is_in_words() -> None:
    assert promised(Log(pods=PODS, absent="x")) == "no line of Pods app=web matches 'x'"
    assert promised(Log(pods=PODS, present="x")) == "a line of Pods app=web matches 'x'"
