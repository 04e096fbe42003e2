"""A journal's text holds `${NAME}` where a value of the environment stood, and comes back whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.masks import Masks
from resilience.model.references import NotSet, in_texts, named_in, referring, resolved

VALUES = {"TOKEN": "s3cret-token", "LONGER": "s3cret-token-2", "ODD": "a$b${TOKEN}"}


@given(st.lists(st.sampled_from([*VALUES.values(), "${TOKEN}", "$$", "$", "x", "${", "}"])))
def test_what_is_written_holds_no_value_and_comes_back_whole(parts: list[str]) -> None:
    text = "".join(parts)
    written = referring(text, VALUES)
    assert not any(value in written for value in VALUES.values())
    assert resolved(written, VALUES) == text


def test_the_variables_of_a_record_are_named() -> None:
    record: dict[str, Any] = {"put": ["redis-cli", "-a", "s3cret-token"], "n": 1, "x": "$HOME"}
    written = in_texts(record, lambda text: referring(text, VALUES))
    assert written == {"put": ["redis-cli", "-a", "${TOKEN}"], "n": 1, "x": "$$HOME"}
    assert named_in(written) == ["TOKEN"]


def test_a_variable_that_is_gone_is_named() -> None:
    with pytest.raises(NotSet, match="the environment variable TOKEN is not set"):
        resolved("${TOKEN}", {})


def test_only_what_is_masked_is_referred_to() -> None:
    masks = Masks()
    masks.clear(public=["SEEN"])
    for name, value in (("SEEN", "visible"), ("TOKEN", "s3cret-token"), ("SHORT", "prod"),
                        ("SPACE", "namespace-1")):  # fmt: skip
        masks.take(name, value)
    masks.publish("namespace-1")
    assert masks.secrets() == {"TOKEN": "s3cret-token"}
