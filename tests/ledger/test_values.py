"""Keys and values: unchanged through any text, and found again."""

from __future__ import annotations

import json
from urllib.parse import quote, unquote

from hypothesis import given
from hypothesis import strategies as st

from resilience.ledger import values

START = values.prefix("6b0b-2dc1", "Orders, EU")
KEY = values.key(START, 7)
TEXT = values.value(KEY, 1.7e9, 64)


def test_a_prefix_is_of_no_other_ledger() -> None:
    assert START == "6b0b-2dc1.orders-eu."
    assert not values.prefix("r", "orders-2").startswith(values.prefix("r", "orders"))
    assert values.prefix("r", "Заказы") == "r.ledger."


def test_a_value_has_the_wished_size_or_what_it_needs() -> None:
    assert len(values.value(KEY, 1.7e9, 64)) == 64
    assert len(values.value(KEY, 1.7e9, 4096)) == 4096
    assert values.scan(values.value(KEY, 0, 1), START).values == {KEY: 1}


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_value_is_found_in_any_text(before: str, after: str) -> None:
    text = f"{before} {TEXT} {after}"
    assert values.scan(text, START).values == {KEY: 1}
    assert values.scan(json.dumps({"id": KEY, "v": text}), START).values == {KEY: 1}
    assert unquote(quote(TEXT)) == TEXT


@given(st.integers(0, 63), st.characters(codec="ascii"))
def test_a_value_with_one_changed_character_is_corrupt(at: int, char: str) -> None:
    changed = TEXT[:at] + char + TEXT[at + 1 :]
    found = values.scan(changed, START)
    assert (KEY in found.values) == (changed == TEXT)
    if changed != TEXT and at > len(KEY):
        assert found.corrupt == {KEY}


def test_twice_is_counted_and_a_key_without_value_is_corrupt() -> None:
    other = values.key(START, 8)
    found = values.scan(f"{TEXT}\n{TEXT}\n{other}", START)
    assert found.values == {KEY: 2}
    assert found.corrupt == {other}


def test_another_text_under_a_key_is_corrupt_and_nothing_is_absent() -> None:
    assert values.of_key("garbage", KEY, START).corrupt == {KEY}
    assert values.of_key(" ", KEY, START) == values.of_key("", KEY, START)
    assert not values.of_key("", KEY, START).corrupt
