"""The list of equivalent mutations stays true, and the choice of tests is as the targets say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import equivalents, targets
from tests.mutants.__main__ import of_room
from tests.mutants.equivalents import Equivalent
from tests.mutants.forks import Test
from tests.mutants.mutations import Mutation
from tests.mutants.score import Score
from tests.mutants.targets import Room
from tests.mutants.trial import Todo, chosen

SHORTEST = 20
"""Letters of a reason: "equivalent" alone is none."""

ROOM = Room(name="gate", mutated=("house/gate.py",), tests=("tests/house", "tests/door.py"))


def mutation(what: str = "a < b", function: str = "admits") -> Mutation:
    return Mutation(
        file="house/gate.py", function=function, first_line=3, line=4, number=0, what=what
    )


def entry(what: str = "a < b", function: str = "admits") -> Equivalent:
    return Equivalent(file="house/gate.py", function=function, what=what, reason="see there")


def test_each_entry_names_a_mutation_and_a_reason_and_stands_once() -> None:
    mutations = {(m.file, m.function, m.what) for room in targets.ROOMS for m in of_room(room)}
    entries = equivalents.listed()
    keys = [(each.file, each.function, each.what) for each in entries]
    assert [key for key in keys if key not in mutations] == []
    assert len(set(keys)) == len(keys)
    assert [each.what for each in entries if len(each.reason) < SHORTEST] == []


def test_an_entry_covers_its_own_mutation_only() -> None:
    others = [mutation("a <= b"), mutation(function="leaves")]
    assert equivalents.parted([mutation(), *others], [entry()]) == (others, [mutation()])


def test_a_list_with_unknown_keys_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text('[[equivalent]]\nfile = "a"\nwhy = "b"\n')
    with pytest.raises(TypeError, match="why"):
        equivalents.listed(path)


def test_every_room_has_mutations_and_tests() -> None:
    root = Path(__file__).parents[2]
    for room in targets.ROOMS:
        assert of_room(room), room.name
        assert [each for each in room.tests if not (root / each).exists()] == []


def test_only_the_rooms_own_tests_are_tried_the_mirrored_file_first() -> None:
    tests = [
        Test(name="tests/house/test_other.py::quick", seconds=0.1),
        Test(name="tests/house/test_gate.py::slower", seconds=0.3),
        Test(name="tests/house/test_gate.py::slow", seconds=0.2),
        Test(name="tests/door.py::one", seconds=0.0),
        Test(name="tests/elsewhere/test_gate.py::one", seconds=0.0),
    ]
    todo = Todo(mutation=mutation(), room=ROOM, equivalent=False)
    names = [test.name.partition("::")[0] for test in chosen(todo, tests)]
    assert names == ["tests/house/test_gate.py"] * 2 + [
        "tests/door.py",
        "tests/house/test_other.py",
    ]


def test_a_mutation_gets_a_bounded_time_of_tests() -> None:
    half = targets.ENOUGH / 2
    tests = [Test(name=f"tests/house/test_a.py::{n}", seconds=half) for n in range(5)]
    todo = Todo(mutation=mutation(), room=ROOM, equivalent=False)
    assert len(chosen(todo, tests)) == 2


def test_the_score_is_given_by_room() -> None:
    score = Score()
    score.noticed["gate"] += 3
    score.survived["gate"] += 1
    score.survived["house"] += 1
    assert (score.tried, score.share) == (5, 60.0)
    assert [line.split() for line in score.table().splitlines()] == [
        ["gate", "3", "of", "4", "noticed", "(75.0", "%)"],
        ["house", "0", "of", "1", "noticed", "(0.0", "%)"],
        ["all", "3", "of", "5", "noticed", "(60.0", "%)"],
    ]
