"""Shared by flow verbs: paths for inner steps, and bounds derived from them.

A step that runs several times gets a new path each time. The path selects the random stream, so a
repeated kill does not choose the same victims.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from resilience.model.scenario import Step
from resilience.model.values import Duration

Bounds = tuple[Duration, Duration]


def round_of(step: Step, number: int) -> Step:
    """The same step in round `number`, from 0."""
    return replace(step, path=f"{step.path}#{number + 1}")


def bounds(step: Step) -> Bounds:
    """The minimum and maximum time that a step's parameters require."""
    least, most = step.verb.bounds(step.parameters) or (Duration.of(0), step.within)
    return least, most


def in_turn(steps: Iterable[Step], times: int = 1) -> Bounds:
    """Bounds of steps that run one after another, this many times."""
    pairs = [bounds(step) for step in steps]
    least = sum((pair[0].exact for pair in pairs), Duration.of(0).exact)
    most = sum((pair[1].exact for pair in pairs), Duration.of(0).exact)
    return Duration(least * times), Duration(most * times)


def at_once(steps: Iterable[Step]) -> Bounds:
    """Bounds of steps that run at the same time: those of the longest."""
    pairs = [bounds(step) for step in steps]
    return max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)
