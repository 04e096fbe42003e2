"""The form of a journal's line, field by field: what a run writes passes, all else is named."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.engine.journal import line_form
from resilience.engine.journal.line_form import NEEDED, BadLine, checked, parsed

UNDO = {"op": "undo", "id": "u1", "verb": "scale", "data": {}, "text": "t"}
BEGIN = {"op": "begin", "run": "r1"}


@pytest.mark.parametrize(
    "line",
    [
        UNDO,
        {**UNDO, "path": "when[0]", "unknown": [1]},
        {"op": "amend", "id": "u1", "data": {}},
        {"op": "forget", "id": "u1"},
        {"op": "done", "id": "u1"},
        {"op": "failed", "id": "u1", "text": ""},
        {"op": "kept", "id": "u1"},
        {"op": "end"},
        {"op": "end", "left": 0},
        {"op": "a later one", "id": 7},
        BEGIN,
        {**BEGIN, "format": 1, "wall": 1.5, "ephemeral": False, "scenario": "s", "context": "",
         "cluster": "u", "namespace": "n", "journal": "j", "holder": "h", "locks": []},
        {**BEGIN, "locks": ["nodes", "cluster-scoped", "namespace-a", "namespace-a-b-9"]},
        {**BEGIN, "locks": ["namespace-" + "a" * 63]},
        {**BEGIN, "run": "A9"}, {**BEGIN, "run": "a.b_c-d"}, {**BEGIN, "run": "a" * 63},
    ],
)  # fmt: skip
def test_a_line_that_a_run_writes_passes(line: Any) -> None:
    assert checked(line) is line


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ([1], "it is [1], expected a mapping"),
        (None, "it is missing, expected a mapping"),
        ({}, "`op` is missing, expected a text"),
        ({"op": 1}, "`op` is 1, expected a text"),
        ({"op": "done"}, "`id` is missing, expected a non-empty string"),
        ({"op": "done", "id": ""}, "`id` is '', expected a non-empty string"),
        ({"op": "done", "id": 7}, "`id` is 7, expected a non-empty string"),
        ({"op": "done", "id": ["u1"]}, "`id` is ['u1'], expected a non-empty string"),
        ({**UNDO, "data": []}, "`data` is [], expected a mapping"),
        ({**UNDO, "path": 1}, "`path` is 1, expected a text"),
        ({**UNDO, "text": ""}, "`text` is '', expected a non-empty string"),
        ({**UNDO, "verb": None}, "`verb` is missing, expected a non-empty string"),
        ({"op": "begin"}, "`run` is missing, expected the id of a run"),
        ({"op": "begin", "run": 7}, "`run` is 7, expected the id of a run"),
        ({"op": "begin", "run": "-a"}, "expected the id of a run"),
        ({"op": "begin", "run": "a-"}, "expected the id of a run"),
        ({"op": "begin", "run": "a/b"}, "expected the id of a run"),
        ({"op": "begin", "run": "a" * 64}, "expected the id of a run"),
        ({**BEGIN, "wall": "1"}, "`wall` is '1', expected a number"),
        ({**BEGIN, "wall": True}, "`wall` is True, expected a number"),
        ({**BEGIN, "wall": None}, "`wall` is missing, expected a number"),
        ({**BEGIN, "format": []}, "`format` is [], expected a number"),
        ({"op": "end", "left": "no"}, "`left` is 'no', expected a number"),
        ({**BEGIN, "ephemeral": 1}, "`ephemeral` is 1, expected true or false"),
        ({**BEGIN, "holder": 1}, "`holder` is 1, expected a text"),
        ({**BEGIN, "locks": "nodes"}, "`locks` is 'nodes', expected a list of names of locks"),
        ({**BEGIN, "locks": [7]}, "`locks` is [7], expected a list"),
        ({**BEGIN, "locks": ["nodes", "all"]}, "expected a list of names of locks"),
        ({**BEGIN, "locks": ["namespace-"]}, "expected a list of names of locks"),
        ({**BEGIN, "locks": ["namespace-a-"]}, "expected a list of names of locks"),
        ({**BEGIN, "locks": ["namespace-A"]}, "expected a list of names of locks"),
        ({**BEGIN, "locks": ["namespace-" + "a" * 64]}, "expected a list of names of locks"),
        ({**BEGIN, "locks": ["nodes\n"]}, "expected a list of names of locks"),
    ],
)  # fmt: skip
def test_a_line_of_another_form_is_named_by_its_field(line: Any, told: str) -> None:
    with pytest.raises(BadLine) as found:
        checked(line)
    assert told in str(found.value)


@pytest.mark.parametrize(("length", "shown"), [(38, "'" + "x" * 38 + "'"), (39, "'" + "x" * 36)])
def test_a_long_value_is_cut_at_40_letters(length: int, shown: str) -> None:
    with pytest.raises(BadLine) as found:
        checked({"op": "end", "left": "x" * length})
    dots = "" if length == 38 else "..."
    assert str(found.value) == f"`left` is {shown}{dots}, expected a number"
    assert len(shown + dots) == 40


def test_every_field_that_is_needed_is_refused_when_it_is_missing() -> None:
    whole = {"id": "u1", "verb": "v", "data": {}, "text": "t", "run": "r1"}
    for op, fields in NEEDED.items():
        for field in fields:
            rest = {key: value for key, value in whole.items() if key != field}
            with pytest.raises(BadLine, match=f"`{field}` is missing"):
                checked({"op": op, **rest})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"op":"end"}', {"op": "end"}),
        (b'{"op":"end"}', {"op": "end"}),
        ("{", "{"),
        (b"{", "{"),
        (b"\xff", "\ufffd"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_text_that_is_no_json_stays_text(text: Any, value: Any) -> None:
    assert parsed(text) == value


def test_only_what_is_wrong_is_said_of_a_value() -> None:
    assert line_form._number(1) == line_form._number(0.5) == ""
    assert line_form._mapping({"a": 1}) == ""
    assert line_form._named("a") == ""
