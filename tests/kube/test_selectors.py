"""Label selectors match as the API server's do, and print canonically."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.kube.selectors import Operator, Requirement, Selector

KEYS = st.sampled_from(("app", "tier", "k8s.io/zone", "x"))
VALUES = st.sampled_from(("a", "b", "c-1", ""))
LABELS = st.dictionaries(KEYS, VALUES)


@st.composite
def requirements(draw: st.DrawFn) -> Requirement:
    key, operator = draw(KEYS), draw(st.sampled_from(Operator))
    if operator in (Operator.EXISTS, Operator.ABSENT):
        return Requirement(key, operator)
    values = draw(st.sets(VALUES, min_size=1))
    return Requirement(key, operator, tuple(sorted(values)))


SELECTORS = st.lists(requirements(), min_size=1, max_size=4)


def oracle(requirement: Requirement, labels: dict[str, str]) -> bool:
    """The table of k8s.io/apimachinery labels.Requirement.Matches, spelt out."""
    here = requirement.key in labels
    match requirement.operator:
        case Operator.EXISTS:
            return here
        case Operator.ABSENT:
            return not here
        case Operator.IN:
            return here and labels[requirement.key] in requirement.values
        case Operator.NOT_IN:
            return not here or labels[requirement.key] not in requirement.values


@given(SELECTORS, LABELS)
def test_a_selector_matches_when_every_requirement_does(
    parts: list[Requirement], labels: dict[str, str]
) -> None:
    selector = Selector.parse(",".join(map(str, parts)))
    assert selector.matches(labels) is all(oracle(part, labels) for part in parts)


@given(SELECTORS)
def test_a_selector_prints_back_to_itself(parts: list[Requirement]) -> None:
    selector = Selector.parse(",".join(map(str, parts)))
    assert Selector.parse(str(selector)) == selector


@given(SELECTORS)
def test_the_order_of_requirements_does_not_matter(parts: list[Requirement]) -> None:
    turned = list(reversed(parts))
    assert Selector.parse(",".join(map(str, parts))) == Selector.parse(",".join(map(str, turned)))


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("app=shop", "app=shop"),
        ("app == shop", "app=shop"),
        ("tier!=db", "tier!=db"),
        ("zone in (b, a, b)", "zone in (a,b)"),
        ("zone in(a)", "zone=a"),
        ("zone in (a)", "zone=a"),
        ("zone  notin (a,b), app=x", "app=x,zone notin (a,b)"),
        ("!canary", "!canary"),
        ("example.com/role", "example.com/role"),
        ("app=", "app="),
        ("notin notin (in)", "notin!=in"),
    ],
)
def test_selectors_are_printed_in_their_canonical_form(written: str, canonical: str) -> None:
    assert str(Selector.parse(written)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "app=a,",
        "app: a",
        "app in a",
        "app in (a",
        "=a",
        "app=a b",
        "-app=a",
        "app=-a",
        "app=" + "a" * 64,
        "a" * 64,
        "Example.com/x=a",
        "a/b/c=d",
        "app=é",
        "!",
        "x>1",
        "app=a;b=c",
    ],
)
def test_text_that_is_no_selector(text: str) -> None:
    with pytest.raises(ValueError, match="a label selector such as"):
        Selector.parse(text)


def test_an_absent_key_meets_not_equal_as_in_kubernetes() -> None:
    assert Selector.parse("tier!=db").matches({})
    assert Selector.parse("tier notin (db)").matches({"app": "x"})
    assert not Selector.parse("tier in (db)").matches({})
