"""What is refused in the policies of a Job, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.validation.job_policies import IndexesError, indexes
from tests.sandbox.apiserver.wire import Wire

JOBS = "/apis/batch/v1/namespaces/NS/jobs"
INDEXED: dict[str, Any] = {"completionMode": "Indexed", "completions": 4}


def job(**spec: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "registry.k8s.io/pause:3.9"}]
    inside = {"containers": containers, "restartPolicy": spec.pop("restartPolicy", "Never")}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"suspend": True, "template": {"spec": inside}, **spec},
    }


def rule(action: str, **more: Any) -> dict[str, Any]:
    asked = more or {"onExitCodes": {"operator": "In", "values": [1]}}
    return {"rules": [{"action": action, **asked}]}


CODES = "spec.podFailurePolicy.rules[0].onExitCodes"
SUCCESS = "spec.successPolicy.rules[0]"


@pytest.mark.parametrize(
    ("spec", "field", "text"),
    [
        ({"backoffLimitPerIndex": 1}, "spec.backoffLimitPerIndex", "requires indexed completion"),
        ({**INDEXED, "maxFailedIndexes": 1}, "spec.backoffLimitPerIndex",
         "when maxFailedIndexes is specified"),
        ({**INDEXED, "backoffLimitPerIndex": 1, "maxFailedIndexes": 5}, "spec.maxFailedIndexes",
         "must be less than or equal to completions"),
        ({"podFailurePolicy": rule("FailIndex")}, "spec.podFailurePolicy.rules[0].action",
         "requires the backoffLimitPerIndex to be set"),
        ({"podFailurePolicy": rule("Ignore"), "restartPolicy": "OnFailure"},
         "spec.template.spec.restartPolicy", 'only "Never" is supported'),
        ({"podFailurePolicy": rule("Ignore", onExitCodes={"operator": "In", "values": [0, 1]})},
         f"{CODES}.values[0]", "must not be 0 for the In operator"),
        ({"podFailurePolicy": rule("Ignore", onExitCodes={"operator": "In", "values": [2, 1]})},
         f"{CODES}.values", "must be ordered"),
        ({"successPolicy": {"rules": [{"succeededCount": 1}]}}, "spec.successPolicy",
         "requires indexed completion mode"),
        ({**INDEXED, "successPolicy": {"rules": [{}]}}, SUCCESS, "at least one of succeededCount"),
        ({**INDEXED, "successPolicy": {"rules": [{"succeededCount": 5}]}},
         f"{SUCCESS}.succeededCount", "must be less than or equal to 4 (the number of specified"),
        ({**INDEXED, "successPolicy": {"rules": [{"succeededIndexes": "0-9"}]}},
         f"{SUCCESS}.succeededIndexes", 'error parsing succeededIndexes: too large index: "9"'),
    ],
)  # fmt: skip
def test_policies_that_make_no_sense_are_refused(
    wire: Wire, spec: dict[str, Any], field: str, text: str
) -> None:
    answer = wire("POST", JOBS, job(**spec))
    assert answer.status == 422, answer.message
    causes = {cause["field"]: cause["message"] for cause in answer.json["details"]["causes"]}
    assert text in causes.get(field, ""), causes


def test_valid_job_policies_are_accepted(wire: Wire) -> None:
    spec = {
        **INDEXED,
        "backoffLimitPerIndex": 1,
        "maxFailedIndexes": 2,
        "podFailurePolicy": rule("FailIndex"),
        "successPolicy": {"rules": [{"succeededIndexes": "0,2-3", "succeededCount": 2}]},
    }
    answer = wire("POST", JOBS, job(**spec))
    assert answer.status == 201, answer.message


@pytest.mark.parametrize(("text", "count"), [("", 0), ("3", 1), ("0-2", 3), ("0,2-3", 3)])
def test_a_text_of_indexes_is_counted_without_repeats(text: str, count: int) -> None:
    assert indexes(text, 4) == count


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a", "cannot convert string to integer"),
        ("1-2-3", "at most two parts"),
        ("2,1", "non-increasing order, previous: 2, current: 1"),
        ("2-1", "non-increasing order, previous: 2, current: 1"),
        ("4", "too large index"),
    ],
)
def test_a_text_that_names_no_indexes_is_an_error(text: str, why: str) -> None:
    with pytest.raises(IndexesError, match=why):
        indexes(text, 4)
