"""No text that a user can write raises, and every problem lies inside its file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilience.language import Loaded, load
from resilience.language.load import MOST
from resilience.language.text import source
from tests.language.toys import TOYS

WANTED = Path(__file__).parent / "wanted"
FILES = sorted(WANTED.glob("*.yaml"))
ENVIRONMENT = {"SHOP_HOST": "shop.example"}
WORDS = (
    *("kill", "http", "scenario", "within", "${", "${A}", "$${", "${matrix.share}", "<<: ", "? "),
    *(
        "{",
        "}",
        "[",
        "]",
        "'",
        '"',
        "*a",
        "&a ",
        "!!int ",
        "#",
        "%",
        "~",
        "null",
        ": ",
        "- ",
        "|\n",
    ),
    *("? [a]: b\n", "010", "1e3", "12:30:00", "\t", "\n", "---\n", "\r", "\x00", "\x85", "\u2028"),
    *("\ufeff", "é", "🧨"),
)


def read(data: bytes, name: str = "a.scenario.yaml") -> Loaded:
    return load(WANTED / name, data, TOYS, ENVIRONMENT)


def assert_places_lie_inside(data: bytes, loaded: Loaded) -> None:
    rows = source.lines(data.decode("utf-8", errors="replace").removeprefix("\ufeff"))
    for problem in loaded.problems:
        place = problem.place
        assert 1 <= place.line <= len(rows), problem
        assert 1 <= place.column <= len(rows[place.line - 1]) + 1, problem
        assert "\n" not in str(problem)
        assert len(str(problem)) < 1500


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_become_problems_and_never_raise(data: bytes) -> None:
    loaded = read(data)
    assert_places_lie_inside(data, loaded)
    assert loaded.problems


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_words_of_the_language_in_any_order_never_raise(words: list[str]) -> None:
    data = "".join(words).encode()
    loaded = read(data)
    assert_places_lie_inside(data, loaded)
    assert loaded.problems


def mutated(text: str, chance: random.Random) -> str:
    """One to three small injuries at random places."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        length = chance.choice((0, 0, 1, 1, 2, 5, 20))
        put = chance.choice((*WORDS, "", "", chance.choice(text) if text else ""))
        text = text[:at] + put + text[at + length :]
    return text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_injured_documents_never_raise_and_say_where(path: Path) -> None:
    chance = random.Random(path.name)
    original = path.read_text(encoding="utf-8")
    wrong = 0
    for _ in range(150):
        data = mutated(original, chance).encode("utf-8", errors="replace")
        loaded = read(data, path.name)
        assert_places_lie_inside(data, loaded)
        wrong += bool(loaded.problems)
    assert wrong > 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_cut_off_anywhere_never_raises(path: Path) -> None:
    data = path.read_bytes()
    for end in range(0, len(data), 7):
        assert_places_lie_inside(data[:end], read(data[:end], path.name))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FILES), st.data())
def test_any_value_may_be_replaced_by_any_other(path: Path, data: st.DataObject) -> None:
    """Nodes of one document put in the place of others: right YAML, wrong everywhere."""
    lines = path.read_text(encoding="utf-8").splitlines()
    picked = data.draw(st.lists(st.sampled_from(lines), min_size=1, max_size=30))
    text = "\n".join(picked).encode()
    assert_places_lie_inside(text, read(text, path.name))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "- " * 100_000,
        "{a: " * 50_000,
        "scenario: x\nwhen: " + "[" * 300,
        "? " * 60_000,
        "a0: &a0 [x]\n"
        + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 8)}]\n" for n in range(6))
        + "scenario: *a6\n",
        "scenario: x\nwhen:\n  - &a\n    repeat: {times: 2, steps: [*a, *a]}\n",
        "scenario: x\nwhen: [" + "{expect_refused: " * 60 + "1" + "}" * 60 + "]",
        "scenario: " + "x" * 100_000,
        "${" * 50_000,
        "scenario: x\nmatrix: {a: [" + ", ".join(map(str, range(300))) + "]}\n",
        "a" * 300_000,
        "scenario: x\n" * 20_000,
        "scenario: x\nwhen: [" + "1, " * 60_000 + "1]\n",
        "plan: x\n---\n" * 10_000,
    ],
    ids=[
        "brackets",
        "dashes",
        "braces",
        "deep-when",
        "questions",
        "alias-bomb",
        "alias-loop",
        "nested-flow",
        "long-title",
        "references",
        "matrix",
        "size",
        "duplicates",
        "many-steps",
        "many-documents",
    ],
)
def test_bombs_are_one_short_problem(text: str) -> None:
    loaded = read(text.encode())
    assert loaded.problems
    assert all(len(str(problem)) < 1000 for problem in loaded.problems)
    assert len(loaded.problems) <= MOST + 1
