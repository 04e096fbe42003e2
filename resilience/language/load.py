"""The language's one door: the text of a file in, typed scenarios and plans and all problems out.

Never raises for anything that a user can write. A document with a problem gives no scenario; the
other documents of the file do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from resilience.language import source
from resilience.language.compose import documents
from resilience.language.documents import File, read
from resilience.model.place import Place, Problem
from resilience.model.scenario import Plan, Scenario
from resilience.model.verb import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a file holds. Problems are sorted by place; `problems` empty means that all is well."""

    scenarios: tuple[Scenario, ...] = ()
    plans: tuple[Plan, ...] = ()
    problems: tuple[Problem, ...] = field(default=())


def load(
    path: Path,
    text: bytes | None,
    catalogue: Catalogue,
    environment: Mapping[str, str],
    *,
    namespace: str = "",
) -> Loaded:
    """Read one file. `text` None: from the disk. Files that it names are looked for beside `path`.

    `namespace` is the target's default, which `${namespace}` stands for in a document that names
    none.
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
    file = File(path=path, catalogue=catalogue, environment=environment, namespace=namespace)
    scenarios, plans, found = read(roots, file)
    unique = dict.fromkeys([*problems, *found])
    return Loaded(scenarios=tuple(scenarios), plans=tuple(plans), problems=tuple(sorted(unique)))


def _bytes(path: Path) -> bytes | Problem:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        return Problem(Place(str(path), 1, 1), f"the file cannot be read: {reason}", "a file")
