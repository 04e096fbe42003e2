"""An error budget reads as it is written, and is what the multiplication says."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.error_budget import ErrorBudget
from resilience.model.values import Duration, Share


@pytest.mark.parametrize(
    ("text", "whole", "allowed"),
    [("0.1% of 30d", 2592, 2592), ("5% of 0.1% of 30d", 2592, Fraction(1296, 10)),
     ("1/1000 of 1h", Fraction(36, 10), Fraction(36, 10)), ("50% of 2s", 1, 1)],
)  # fmt: skip
def test_it_is_the_product_of_its_terms(text: str, whole: Fraction, allowed: Fraction) -> None:
    read = ErrorBudget.parse(text)
    assert (read.whole, read.allowed) == (whole, allowed)


@pytest.mark.parametrize(
    "text",
    ["", "0.1%", "30d", "30d of 0.1%", "0% of 30d", "0.1% of 0", "101% of 30d", "0.1 of 30d",
     "1% of 1% of 1% of 30d", "0.1%of30d", "99.9% of 30d", "0.1% per 30d", "0.1% of month"],
)  # fmt: skip
def test_anything_else_is_an_error_that_shows_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"0\.1% of 30d"):
        ErrorBudget.parse(text)


@given(
    st.fractions(Fraction(1, 10**4), Fraction(1, 2), max_denominator=10**6),
    st.integers(1, 10**9),
    st.fractions(Fraction(1, 99), 1, max_denominator=10**6),
)
def test_its_text_reads_as_the_same_budget(part: Fraction, length: int, share: Fraction) -> None:
    made = ErrorBudget(Share(part), Duration(Fraction(length)), Share(share))
    assert ErrorBudget.parse(str(made)) == made
