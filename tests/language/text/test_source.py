"""Bytes to text: encodings, sizes, and places that an editor can jump to."""

from __future__ import annotations

import pytest

from resilience.language.text import source
from resilience.model.place import Problem
from tests.language.test_door import SCENARIO, read


def told(data: bytes) -> str:
    (problem,) = read(data).problems
    return str(problem).removeprefix("a.scenario.yaml:")


def test_a_byte_order_mark_is_no_text() -> None:
    assert read(b"\xef\xbb\xbf" + SCENARIO).problems == ()


def test_windows_line_ends_are_line_ends() -> None:
    assert read(SCENARIO.replace(b"\n", b"\r\n")).problems == ()
    loaded = read(SCENARIO.replace(b"\n", b"\r\n").replace(b"seed: 7", b"seed: x"))
    assert [problem.place.line for problem in loaded.problems] == [5]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("scenario: é\n".encode("latin-1"), "1:11: byte 0xe9 is not UTF-8"),
        (b"a: b\nc: \xff\n", "2:4: byte 0xff is not UTF-8"),
        (b"\xef\xbb\xbfa: \xff\n", "1:4: byte 0xff is not UTF-8"),
        ("scenario: x\n".encode("utf-16"), "1:1: the file is UTF-16; expected UTF-8"),
        (b"x" * (source.LIMIT + 1), "1:1: the file has 262,145 bytes; expected at most 262,144"),
        (b"", "1:1: the file holds no document"),
        (b"\n\n# only words\n", "1:1: the file holds no document"),
        (b"---\n", "1:1: the file holds no document"),
        (b"---\n---\n...\n", "1:1: the file holds no document"),
        ("a: é\x01\n".encode(), "1:5: a control character"),
        (b"a: {b: 1\n\n\n\n", "1:4: `{` that is never closed"),
        (b"a: 1\nb\n\n\n", "2:1: a line that is not `key: value`"),
        (b"a: 'x\n\n", "1:4: a quote that is never closed"),
    ],
)
def test_what_is_wrong_with_a_file_as_a_whole(data: bytes, says: str) -> None:
    assert told(data).startswith(says)


def test_a_parsers_mark_behind_the_end_is_moved_back_into_the_file() -> None:
    assert str(source.inside("f", "a: 1\nb\n\n", 3, 0)) == "f:2:2"
    assert str(source.inside("f", "a: 1\nb\n\n", 2, 0)) == "f:3:1"
    assert str(source.inside("f", "a: 1\nb\n\n", 0, 99)) == "f:1:5"
    assert str(source.inside("f", "", 7, 7)) == "f:1:1"


def test_an_empty_value_at_the_end_of_a_file_is_told_inside_the_file() -> None:
    assert str(read(b"? scenario").problems[0]).startswith("a.scenario.yaml:1:1")
    assert {problem.place.line for problem in read(b"? scenario").problems} == {1}


def test_empty_documents_between_others_are_nothing() -> None:
    loaded = read(b"---\n" + SCENARIO + b"---\n# nothing\n---\n")
    assert loaded.problems == ()
    assert len(loaded.scenarios) == 1


def test_a_file_at_the_limit_is_read() -> None:
    filler = b"#" * (source.LIMIT - len(SCENARIO))
    assert read(SCENARIO + filler).problems == ()


def test_decoding_gives_text_or_one_problem() -> None:
    assert source.decode("f", b"a") == "a"
    assert isinstance(source.decode("f", b"\xff"), Problem)
