"""The keys that steps share, next to the verb, declared like the parameters of a verb."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from resilience.model.scenario import DEFAULT_RATE, DEFAULT_WITHIN, Objective
from resilience.model.values import Availability, Duration, Rate
from resilience.model.verb import Family, Phase, Residue, Verb, parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKeys:
    """Next to every verb."""

    name: str = parameter("The step's title in reports.", default="", example="lose a third")
    within: Duration | None = parameter(
        f"The step's deadline; {DEFAULT_WITHIN} by default. A probe under `while:` must be steady "
        "within it; 30s by default.",
        default=None,
        example="60s",
    )
    optional: bool = parameter(
        "Whether the scenario may pass although this step fails; the report lists the failure. A "
        "probe with an objective cannot be optional.",
        default=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LastingKeys(StepKeys):
    """Next to an action that cannot be undone, or not by this project."""

    lasting: bool = parameter(
        "Confirms an action that will not be undone, or not by this project; required for such "
        "actions.",
        default=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeKeys(StepKeys):
    """Next to a probe that measures."""

    rate: Rate = parameter(
        "Requests per time, sent whether or not earlier ones were answered.",
        default=DEFAULT_RATE,
        example="50/s",
    )
    objective: Objective | None = parameter(
        "The objectives, judged from the first action until `when` has ended plus `settle`, or "
        "in the windows of `during`.",
        default=None,
        example="{availability: 99%, longest_outage: 2s, p99: 300ms}",
    )
    during: str | tuple[str, ...] = parameter(
        "The windows in which the objective is judged, each separately: `baseline` (before the "
        "first "
        "action), `fault` (until the last action has ended and its victims are gone), `recovery` "
        "(until `settle` has passed), or the `name` of a step under `when:` (from its beginning "
        "until its end plus `settle`). `before` and `after` send a single request instead, as a "
        "check.",
        default=(),
        example="[baseline, fault, recovery]",
    )
    abort_below: Availability | None = parameter(
        "Stop acting, undo and fail as soon as the availability falls below this.",
        default=None,
        example="50%",
    )


KINDS = (StepKeys, LastingKeys, ProbeKeys)

PROBE_ONLY = ("rate", "objective", "during", "abort_below")

ALL = frozenset(field.name for kind in KINDS for field in dataclasses.fields(kind))
"""Words that cannot be the name of a verb."""


def measures(verb: Verb, phase: Phase | None) -> bool:
    """Whether a step is a probe with rate and objective; in other phases a probe acts as a
    check."""
    return verb.family is Family.PROBE and verb.measures and phase is Phase.WHILE


def kind(verb: Verb, phase: Phase | None) -> type[Any]:
    """Which keys a verb may have next to it in a phase."""
    if measures(verb, phase):
        return ProbeKeys
    lasts = verb.residue is Residue.EVERYTHING or verb.may_last
    return LastingKeys if lasts else StepKeys
