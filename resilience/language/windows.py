"""`during:` of a probe: which windows its words name, and which words mean a single check.

`before` and `after` become checks of the phases `given` and `then`, so the engine knows nothing of
them: a wrong answer before is not measured, one after is a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from yaml.nodes import Node

from resilience.language.shape.reading import Reading, child
from resilience.language.text.near import listed, nearest, quoted
from resilience.model.scenario import (
    AFTER,
    BASELINE,
    BEFORE,
    DEFAULT_BASELINE,
    ONCE,
    WINDOWS,
    Step,
)
from resilience.model.values import Duration
from resilience.model.verb import Family, Phase


def check(probe: Step, node: Node, when: Sequence[Step], reading: Reading) -> bool:
    """Record words of `during` that name nothing, or two things; whether all are right."""
    before = len(reading.problems)
    at = child(node, "during") or node
    for word in dict.fromkeys(probe.during):
        _word(word, at, [step.name for step in when if step.name], reading)
    for word in sorted({word for word in probe.during if probe.during.count(word) > 1}):
        reading.wrong(at, f"{quoted(word)} is there twice", "each window once")
    return len(reading.problems) == before


def _word(word: str, at: Node, names: Sequence[str], reading: Reading) -> None:
    own = (*WINDOWS, *ONCE)
    steps = names.count(word)
    if word in own and not steps:
        return
    if word in own:
        reading.wrong(at, f"{quoted(word)} is a window, and a step under `when:` has that name too",
                      "another `name:` for the step")  # fmt: skip
    elif steps != 1:
        how = f"{steps} steps" if steps else "no step"
        known = listed(map(quoted, WINDOWS))
        named = listed(quoted(name) for name in sorted(set(names)))
        reading.wrong(
            at, f"{how} under `when:` has the name {quoted(word)}",
            f"{named + ', or ' if named else 'the `name:` of a step there, or '}{known}",
            nearest(word, [*names, *own]),
        )  # fmt: skip


def span(word: str, when: Sequence[Step], baseline: Duration) -> tuple[Sequence[Step], Duration]:
    """Steps that a window may contain at most, and what may come on top of their deadlines, without
    the time to settle. A sleep before the first action belongs to the baseline."""
    if word == BASELINE:
        return _calm(when), baseline
    if word in WINDOWS:
        return when, Duration.of(0)
    return [step for step in when if step.name == word], Duration.of(0)


def _calm(when: Sequence[Step]) -> Sequence[Step]:
    first = next((n for n, step in enumerate(when) if step.verb.family is Family.ACTION), len(when))
    return when[:first]


def needs_baseline(probe: Step) -> bool:
    """Whether something is to be measured before `when` begins."""
    compares = probe.objective is not None and probe.objective.no_worse_than_baseline is not None
    return compares or BASELINE in probe.during


def baseline(probes: Sequence[Step], given: Duration | None) -> Duration | None:
    """How long is measured before `when`."""
    if given is None and any(needs_baseline(probe) for probe in probes):
        return DEFAULT_BASELINE
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """The probes of a scenario, and the checks that some of them stand for."""

    before: tuple[Step, ...]
    probes: tuple[Step, ...]
    after: tuple[Step, ...]


def apart(probes: Sequence[Step]) -> Apart:
    """A probe with only single checks becomes a check."""
    return Apart(
        before=tuple(_once(p, Phase.GIVEN, BEFORE) for p in probes if BEFORE in p.during),
        probes=tuple(
            replace(p, during=tuple(word for word in p.during if word not in ONCE))
            for p in probes
            if measured(p.during)
        ),
        after=tuple(_once(p, Phase.THEN, AFTER) for p in probes if AFTER in p.during),
    )


def measured(during: Sequence[str]) -> bool:
    """Whether anything except single checks is left."""
    return not during or any(word not in ONCE for word in during)


def _once(probe: Step, phase: Phase, word: str) -> Step:
    return replace(probe, phase=phase, path=f"{probe.path}.{word}", name=f"{probe.name} ({word})",
                   rate=None, objective=None, during=(), abort_below=None)  # fmt: skip
