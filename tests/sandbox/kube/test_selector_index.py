"""Selectors and their index."""

from __future__ import annotations

import pytest

from resilience.sandbox.kube.selector_index import SelectorIndex, from_labels, from_spec


@pytest.mark.parametrize(
    ("operator", "values", "labels", "selected"),
    [
        ("In", ["a", "b"], {"k": "a"}, True),
        ("In", ["a"], {}, False),
        ("NotIn", ["a"], {"k": "b"}, True),
        ("NotIn", ["a"], {"k": "a"}, False),
        ("NotIn", ["a"], {}, True),
        ("Exists", [], {"k": ""}, True),
        ("Exists", [], {}, False),
        ("DoesNotExist", [], {}, True),
        ("DoesNotExist", [], {"k": "a"}, False),
    ],
)
def test_each_operator_selects_as_apimachinery_does(
    operator: str, values: list[str], labels: dict[str, str], selected: bool
) -> None:
    spec = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    assert from_spec(spec).matches(labels) is selected


def test_an_empty_selector_matches_everything_and_a_missing_one_nothing() -> None:
    assert from_spec({}).matches({"a": "b"})
    assert not from_spec(None).matches({"a": "b"})


def test_all_requirements_must_hold() -> None:
    selector = from_spec(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "canary", "operator": "DoesNotExist"}],
        }
    )
    assert selector.matches({"app": "web"})
    assert not selector.matches({"app": "web", "canary": ""})
    assert not selector.matches({"canary": ""})


def test_the_index_finds_only_selectors_of_the_namespace_that_match() -> None:
    index = SelectorIndex()
    index.put(("a", "web"), from_labels({"app": "web"}))
    index.put(("b", "web"), from_labels({"app": "web"}))
    index.put(("a", "db"), from_labels({"app": "db"}))
    index.put(("a", "all"), from_spec({}))
    assert set(index.matching("a", {"app": "web"})) == {("a", "web"), ("a", "all")}


def test_a_replaced_selector_is_found_by_its_new_labels_only() -> None:
    index = SelectorIndex()
    index.put(("a", "x"), from_labels({"app": "web"}))
    index.put(("a", "x"), from_labels({"app": "db"}))
    assert not list(index.matching("a", {"app": "web"}))
    assert list(index.matching("a", {"app": "db"})) == [("a", "x")]


def test_a_discarded_selector_is_not_found() -> None:
    index = SelectorIndex()
    index.put(("a", "x"), from_labels({"app": "web"}))
    index.discard(("a", "x"))
    assert not list(index.matching("a", {"app": "web"}))
