"""Turns a Python call into a step, with the same verbs, values and error messages as in YAML.

A call is rendered as the equivalent YAML and read by the language, so that a Python test can
express nothing that a scenario could not, and gets the same error messages.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import resilience
from resilience.language import load
from resilience.model.place import Place
from resilience.model.scenario import Objective, Scenario, Step
from resilience.model.verb import Catalogue, Family, Phase, Verb

_PACKAGE = str(Path(resilience.__file__).parent)

COMMON = ("within", "name", "optional", "lasting")
OF_PROBES = ("rate", "objective", "abort_below")


class Misspoken(TypeError):
    """The language does not accept the call; the message is that of the language."""


def step_of(
    verb: Verb, values: tuple[Any, ...], keys: Mapping[str, Any], catalogue: Catalogue,
    directory: Path,
) -> Step:  # fmt: skip
    """The step of a call such as `kill(pods="app=x", count=1, within="30s")`. A single positional
    value is the shorthand."""
    beside = {key: value for key, value in keys.items() if key in (*COMMON, *OF_PROBES)}
    own = {key: value for key, value in keys.items() if key not in beside}
    if len(values) > 1 or (values and own):
        raise Misspoken(f"{verb.name}: give one positional value or keyword arguments, not both")
    written = {verb.name: _plain(values[0] if values else own)} | _plain(beside)
    return _read(verb, written, catalogue, directory)


def _read(verb: Verb, written: Mapping[str, Any], catalogue: Catalogue, directory: Path) -> Step:
    scenario = _scenario(verb, dict(written))
    loaded = load(directory / "call.scenario.yaml", json.dumps(scenario).encode(), catalogue, {})
    if loaded.problems:
        said = "; ".join(_words(problem) for problem in loaded.problems)
        raise Misspoken(f"{verb.name}: {said}")
    return _found(verb, loaded.scenarios[0])


def phase_of(verb: Verb) -> Phase:
    """The phase of a call's step: `given` for setup verbs, `probes` for probes, `when` for
    everything else."""
    if verb.family is Family.PROBE:
        return Phase.WHILE
    if Phase.WHEN in verb.phases and verb.name != "apply":
        return Phase.WHEN
    return next(phase for phase in Phase if phase in verb.phases)


def _scenario(verb: Verb, written: dict[str, Any]) -> dict[str, Any]:
    """The smallest scenario with the step."""
    phase = phase_of(verb)
    if phase is Phase.WHILE and verb.measures:
        written.setdefault("objective", {"availability": "99%"})
    around: dict[str, Any] = {"scenario": "a call", "when": [{"sleep": "1s"}],
                              "then": [{"ready": "all"}]}  # fmt: skip
    return around | {phase.value: [written]}


def _found(verb: Verb, scenario: Scenario) -> Step:
    steps = {
        Phase.GIVEN: scenario.given,
        Phase.WHILE: scenario.probes,
        Phase.WHEN: scenario.when,
        Phase.THEN: scenario.then,
    }
    return steps[phase_of(verb)][0]


def caller() -> Place:
    """The calling line of the test: the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    path, here = Path(frame.f_code.co_filename), Path.cwd()
    name = path.relative_to(here) if path.is_relative_to(here) else path
    return Place(str(name), frame.f_lineno, 1)


def is_ours(file: str) -> bool:
    """Whether a frame's file belongs to this package, or to the context managers around it."""
    return file.startswith(_PACKAGE) or Path(file).name == "contextlib.py"


def measuring(step: Step, objective: Objective) -> Step:
    """The same probe with another objective."""
    return replace(step, objective=objective)


def _words(problem: Any) -> str:
    """A problem as text, without its place, since the call itself is the place."""
    text = str(problem.message)
    text += f"; expected {problem.expected}" if problem.expected else ""
    return text + (f"; did you mean {problem.suggestion}?" if problem.suggestion else "")


def _plain(value: Any) -> Any:
    """A Python value as JSON; `${` is escaped, since Python has its own variables."""
    if isinstance(value, Mapping):
        return {str(key).rstrip("_"): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value).replace("${", "$${")
