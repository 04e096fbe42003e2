"""What pytest knows a scenario by."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.language import ids
from tests.language.test_door import SCENARIO, read


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("checkout survives losing a third", "checkout-survives-losing-a-third"),
        ("Größe & Überleben: 50% weniger", "grosse-uberleben-50-weniger"),
        ("it's down", "its-down"),
        ("loses ${matrix.share} of ${NAME:-all}", "loses-of"),
        ("  --x--  ", "x"),
        ("店は生き残る", ""),
        ("${NAME}", ""),
    ],
)
def test_an_id_is_made_of_the_title_as_it_is_written(title: str, slug: str) -> None:
    assert ids.slug(title) == slug


@given(st.text(max_size=300))
def test_an_id_is_a_slug_or_nothing(title: str) -> None:
    made = ids.slug(title)
    assert made == "" or re.fullmatch(ids.SLUG, made)
    assert len(made) <= 80


def test_a_combination_stands_in_brackets() -> None:
    assert ids.suffix({}) == ""
    assert ids.suffix({"share": "33%", "image": "a/b:1 x"}) == "[share=33%,image=a-b-1-x]"


def test_the_environment_does_not_change_an_id() -> None:
    text = SCENARIO.replace(b"id: checkout-loses-a-third", b"").replace(
        b"losing a third", b"${A:-nothing}"
    )
    first, second = read(text).scenarios[0], read(text, A="everything").scenarios[0]
    assert first.id == second.id == "checkout-survives-of-its-pods"
    assert second.title == "checkout survives everything of its Pods"


def test_combinations_that_look_alike_are_told_apart_or_told() -> None:
    text = SCENARIO.replace(b"namespace: shop", b"namespace: shop\nmatrix: {a: ['x y', x-y]}")
    text = text.replace(b"grace: 0s", b"grace: 0s, order: random").replace(
        b"path: /healthz", b'path: "/${matrix.a}"'
    )
    (problem,) = read(text).problems
    assert "two values of the matrix make the same id `checkout-loses-a-third[a=x-y]`" in (
        problem.message
    )
    assert problem.expected == "values that differ in a-z, A-Z, 0-9 or ._%+-"
