"""What a file takes from the environment is shown nowhere, and nothing else is blanked for it."""

from __future__ import annotations

import base64
import json
import shlex
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.masks import KEPT, LEAST, MASKS, Masks, shown, shown_record
from resilience.model.timeline import Entry, What
from tests.report.made import record

SECRET = "s3cr3t/+ä&\"'x"


def masks(*values: str) -> Masks:
    made = Masks()
    for number, value in enumerate(values):
        made.take(f"V{number}", value)
    return made


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"GET /x?api_key={quote(SECRET, safe='')}&a=1",
        f"GET /x?{urlencode({'k': SECRET})}",
        quote_plus(SECRET),
        quote(SECRET).lower(),
        json.dumps({"token": SECRET}),
        json.dumps({"token": SECRET}, ensure_ascii=False),
        shlex.join(["curl", "-H", SECRET]),
        repr({"a": SECRET}),
        "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode(),
        "Basic " + base64.b64encode(f"you:{SECRET}\n".encode()).decode(),
        base64.urlsafe_b64encode(f"user:{SECRET}tail".encode()).decode(),
    ],
)
def test_a_value_is_masked_in_every_writing(text: str) -> None:
    """The text still holds what stood around the value, and no eight characters of the writing."""
    made = masks(SECRET).over(text)
    assert "***" in made
    assert SECRET not in made
    kept = made.replace("***", "")
    whole = base64.b64encode(SECRET.encode()).decode()
    assert not any(whole[i : i + 8] in kept for i in range(len(whole) - 7))


@given(
    value=st.text(st.characters(codec="utf-8"), min_size=LEAST, max_size=40),
    before=st.binary(max_size=5),
    after=st.binary(max_size=5),
)
def test_base64_of_anything_around_a_value_cannot_be_read_back(
    value: str, before: bytes, after: bytes
) -> None:
    if len(value.strip()) < LEAST or len(value.splitlines()) != 1 or value != value.strip():
        return
    text = base64.b64encode(before + value.encode() + after).decode()
    left = masks(value).over(text)
    assert len(text) - len(left.replace("***", "")) >= len(value.encode()) * 8 // 6 - 2


@pytest.mark.parametrize("value", ["1", "true", "prod", "", " ", "12345", " a \n b "])
def test_a_short_value_blanks_nothing(value: str) -> None:
    text = "1 of 12345 in prod is true, a b"
    assert masks(value).over(text) == text


def test_each_line_of_a_long_value_is_masked_by_itself() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADAN\nab\n-----END KEY-----\n"
    made = masks(key)
    assert made.over("line MIIEvQIBADAN of it, ab") == "line *** of it, ab"
    assert made.over(key.strip()) == "***"


def test_the_longer_of_two_values_is_masked_whole() -> None:
    assert masks("secret", "secret-and-more").over("x secret-and-more secret") == "x *** ***"


def test_every_value_that_a_name_has_had_is_masked_and_the_last_is_its_own() -> None:
    made = Masks()
    for value in ("first-token", "second-token", "first-token"):
        made.take("token", value)
    assert made.over("first-token second-token") == "*** ***"
    assert made.secrets() == {"token": "first-token"}


def test_the_values_of_one_name_are_bounded_and_the_last_are_kept() -> None:
    made = Masks()
    for number in range(KEPT + 1):
        made.take("fixture", f"value-{number:03}")
    assert made.over(f"value-000 value-001 value-{KEPT}") == "value-000 *** ***"


@pytest.mark.parametrize("offset", range(30))
def test_a_value_is_masked_before_the_text_is_cut(offset: int) -> None:
    """Also where masked text before it is shorter than what it stands for."""
    made = masks("s3cr3t-token-4711")
    for before in ("x" * offset, "s3cr3t-token-4711" * 3 + "x" * offset):
        told = made.start_of(f"{before} s3cr3t-token-4711 and more", 20)
        assert "s3c" not in told
        assert len(told) <= 20 + len("***")
    assert made.start_of("a" * 50, 20) == "a" * 20


def test_names_and_what_the_user_calls_public_are_shown() -> None:
    made = Masks()
    made.clear(["SERVICE"])
    made.take("SERVICE", "checkout")
    made.take("NS", "shop-staging")
    made.publish("shop-staging")
    assert made.over("checkout in shop-staging") == "checkout in shop-staging"
    made.clear()
    made.take("SERVICE", "checkout")
    assert made.over("checkout") == "***"


def test_a_record_is_masked_and_printable_to_its_last_text() -> None:
    entry = Entry(
        monotonic=1, wall=2, what=What.NOTE, text="\x1b[2Jtop-secret", facts={"a": ["top-secret"]}
    )
    MASKS.clear()
    MASKS.take("TOK", "top-secret")
    try:
        made = shown_record([entry, record()])
        assert made[0] == Entry(
            monotonic=1, wall=2, what=What.NOTE, text="\N{REPLACEMENT CHARACTER}[2J***",
            facts={"a": ["***"]},
        )  # fmt: skip
        assert made[1] == record()
        assert shown("top-secret\r") == "***\N{REPLACEMENT CHARACTER}"
    finally:
        MASKS.clear()
