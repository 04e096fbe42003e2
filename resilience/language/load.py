"""The language's entry point: the text of a file in, typed scenarios and plans and all problems
out.

Never raises for anything that a user can write. A document with a problem gives no scenario; the
other documents of the file do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from yaml.nodes import Node

from resilience.language.compose import documents
from resilience.language.documents import FileReading, Read, read
from resilience.language.text import source
from resilience.model.place import Place, Problem
from resilience.model.scenario import Plan, Scenario
from resilience.model.verb import Catalogue
from resilience.model.words import unreadable

STAND_INS = (
    "http://fixture.example",
    "1",
    "1s",
    "1000/s",
    "1%",
    "app=fixture",
    "deployment/fixture",
)
"""Placeholders for a fixture's value while it is unknown; one of them suits each kind of value."""

MOST = 100
"""Problems reported for one file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The content of a file. Problems are sorted by place; without any, the file can be used.

    Notices are of words that still work and will not after the next release.
    """

    scenarios: tuple[Scenario, ...] = ()
    plans: tuple[Plan, ...] = ()
    problems: tuple[Problem, ...] = field(default=())
    notices: tuple[Problem, ...] = field(default=())


def load(
    path: Path,
    text: bytes | None,
    catalogue: Catalogue,
    environment: Mapping[str, str],
    *,
    namespace: str = "",
    fixtures: Mapping[str, str] | None = None,
) -> Loaded:
    """Read one file. With `text` None the file is read from disk. Files that it names are resolved
    next to `path`.

    `namespace` is the target's default, the value of `${namespace}` in a document that names none.
    `fixtures` has the values of `${fixture.x}`; without it, something that fits stands in for each.
    """
    data = _bytes(path) if text is None else text
    decoded = data if isinstance(data, Problem) else source.decode(str(path), data)
    if isinstance(decoded, Problem):
        return Loaded(problems=(decoded,))
    roots, problems = documents(str(path), decoded)
    if not roots and not problems:
        nothing = Problem(
            Place(str(path), 1, 1),
            "the file holds no document",
            "a mapping that begins with `scenario:` or `plan:`",
        )
        return Loaded(problems=(nothing,))
    file = FileReading(path=path, catalogue=catalogue, environment=environment, namespace=namespace,
                fixtures=fixtures or {})  # fmt: skip
    found = read(roots, file)
    if fixtures is None and file.listed:
        found = _with_stand_ins(roots, file, found)
    return Loaded(
        scenarios=tuple(found.scenarios),
        plans=tuple(found.plans),
        problems=_told([*problems, *found.problems], decoded),
        notices=tuple(sorted(set(found.notices))),
    )


def _with_stand_ins(roots: Sequence[Node], file: FileReading, found: Read) -> Read:
    """The file with a value for each fixture: the first of `STAND_INS` with the fewest problems. A
    fixture's real value is known, and checked, once pytest has called it."""
    known: dict[str, str] = {}
    for name in 2 * sorted(file.listed):  # only a suitable value may reveal another's problem
        for text in STAND_INS if found.problems else ():
            other = read(roots, replace(file, fixtures={**known, name: text}, listed=set()))
            if len(other.problems) < len(found.problems):
                found, known[name] = other, text
    return found


def _told(problems: Sequence[Problem], text: str) -> tuple[Problem, ...]:
    """Sorted, without duplicates, and no more than a person would read."""
    last = len(source.lines(text))
    unique = {
        _inside(problem, text) if problem.place.line >= last else problem for problem in problems
    }
    ordered = sorted(unique)
    if len(ordered) <= MOST:
        return tuple(ordered)
    more = f"{len(ordered) - MOST:,} more problems follow"
    return (
        *ordered[:MOST],
        Problem(ordered[MOST].place, more, "solve the ones above first"),
    )


def _inside(problem: Problem, text: str) -> Problem:
    """An empty value at the end of a file has its mark after it."""
    place = problem.place
    return replace(problem, place=source.inside(place.file, text, place.line - 1, place.column - 1))


def _bytes(path: Path) -> bytes | Problem:
    try:
        return path.read_bytes()
    except OSError as error:
        text = f"the file cannot be read: {unreadable(error)}"
        return Problem(Place(str(path), 1, 1), text, "a file")
