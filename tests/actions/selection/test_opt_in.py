"""Who opted in, and on what terms, by the labels and annotations of three tools."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from resilience.actions.selection.opt_in import Terms, Unreadable, terms

MONKEY = {"kube-monkey/enabled": "enabled", "kube-monkey/identifier": "web"}
CHAOSKUBE = {"chaos.alpha.kubernetes.io/enabled": "true"}


def an_object(labels: dict[str, str], annotations: dict[str, str] | None = None) -> dict[str, Any]:
    return {"metadata": {"labels": labels, "annotations": annotations or {}}}


def given(workload: dict[str, str], pod: dict[str, str], **annotations: str) -> str:
    found = terms(an_object(workload), an_object(pod, {
        key.replace("_", "."): value for key, value in annotations.items()}))  # fmt: skip
    return found.by if found else ""


@pytest.mark.parametrize(
    ("workload", "pod", "by"),
    [
        ({"resilience.io/enabled": "true"}, {}, "resilience.io/enabled"),
        ({}, {"resilience.io/enabled": "true"}, "resilience.io/enabled"),
        ({"resilience.io/enabled": "True"}, {}, ""),
        ({"resilience.io/enabled": "true"}, {"resilience.io/enabled": "false"}, ""),
        ({"resilience.io/enabled": "false", **MONKEY}, MONKEY, ""),
        (MONKEY, MONKEY, "kube-monkey/enabled"),
        (MONKEY, {}, "kube-monkey/enabled"),
        (MONKEY, {"kube-monkey/enabled": "disabled"}, ""),
        ({}, MONKEY, ""),
        (MONKEY, {**MONKEY, "kube-monkey/identifier": "db"}, ""),
        ({**MONKEY, "kube-monkey/enabled": "true"}, {**MONKEY, "kube-monkey/enabled": "true"}, ""),
        ({"kube-monkey/enabled": "enabled"}, {"kube-monkey/enabled": "enabled"}, ""),
        ({}, {}, ""),
    ],
)
def test_labels_of_workload_and_pod_decide_who_opted_in(
    workload: dict[str, str], pod: dict[str, str], by: str
) -> None:
    assert given(workload, pod) == by


def test_chaoskubes_annotation_is_the_pods_own_and_never_beats_our_label() -> None:
    pod = an_object({}, CHAOSKUBE)
    found = terms(None, pod)
    assert found is not None
    assert found.by == "chaos.alpha.kubernetes.io/enabled"
    assert terms(an_object({"resilience.io/enabled": "no"}), pod) is None
    assert terms(None, an_object({}, {"chaos.alpha.kubernetes.io/enabled": "false"})) is None


@pytest.mark.parametrize(
    ("labels", "mtbf", "mode", "value"),
    [
        ({}, "None", "", 0),
        ({"mtbf": "3"}, "3d", "", 0),
        ({"mtbf": "36h"}, "36h", "", 0),
        ({"kill-mode": "kill-all"}, "None", "kill-all", 0),
        ({"kill-mode": "kill-all", "kill-value": "x"}, "None", "kill-all", 0),
        ({"mtbf": "2", "kill-mode": "fixed", "kill-value": "2"}, "2d", "fixed", 2),
        ({"kill-mode": "random-max-percent", "kill-value": "50"}, "None", "random-max-percent", 50),
    ],
)
def test_the_terms_of_kube_monkey_are_read_as_they_are(
    labels: dict[str, str], mtbf: str, mode: str, value: int
) -> None:
    own = {f"kube-monkey/{key}": text for key, text in labels.items()}
    found = terms(an_object({**MONKEY, **own}), an_object(MONKEY))
    assert found is not None
    assert (str(found.mtbf), found.mode, found.value) == (mtbf, mode, value)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("mtbf", "0", "a number of days"),
        ("mtbf", "often", "a number of days"),
        ("mtbf", "-1", "a number of days"),
        ("kill-mode", "all", "kill-all, fixed"),
        ("kill-mode", "fixed", "a number from 1"),
    ],
)
def test_terms_that_say_nothing_are_no_consent(key: str, value: str, expected: str) -> None:
    with pytest.raises(Unreadable, match=expected):
        terms(an_object({**MONKEY, f"kube-monkey/{key}": value}), an_object(MONKEY))
    with pytest.raises(Unreadable, match="from 1 to 100"):
        terms(an_object({**MONKEY, "kube-monkey/kill-mode": "fixed-percent",
                         "kube-monkey/kill-value": "101"}), an_object(MONKEY))  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "value", "there", "numbers"),
    [
        ("kill-all", 0, 5, {5}),
        ("fixed", 2, 5, {2}),
        ("fixed", 9, 5, {5}),
        ("fixed-percent", 50, 5, {2}),
        ("fixed-percent", 10, 5, {0}),
        ("random-max-percent", 60, 5, {1, 2, 3}),
        ("random-max-percent", 10, 5, {0}),
    ],
)
def test_how_many_a_workload_gives_away(
    mode: str, value: int, there: int, numbers: set[int]
) -> None:
    given = Terms(by="x", mode=mode, value=value)
    assert {given.number(there, Random(seed)) for seed in range(200)} == numbers
