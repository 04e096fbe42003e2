"""All runs as OpenMetrics text with their times, to fill a Prometheus with the past.

    promtool tsdb create-blocks-from openmetrics history.om DATA

The families are those of `--resilience-metrics`, so that old and new runs are one series; samples
of a series are adjacent and in order of time, as OpenMetrics 1.0 requires ("Timestamps").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from resilience.history.trends import PASSED, ScenarioHistory
from resilience.report.digest import Past
from resilience.report.machine.metrics import HELP, PREFIX, escaped

FAMILIES = ("run_passed", "run_seconds", "promise_kept", "promise_value")
END = "# EOF\n"
MILLISECONDS = 3
"""Decimals of a time: runs that end within one of them are one moment in the file."""

Sample = tuple[str, float, float]
"""Labels as written, value, epoch seconds."""


def openmetrics(histories: Sequence[ScenarioHistory]) -> str:
    """The whole file."""
    found = {family: list[Sample]() for family in FAMILIES}
    for history in histories:
        for family, sample in _samples(history):
            found[family].append(sample)
    return "".join(_family(name, samples) for name, samples in found.items()) + END


def _family(name: str, samples: list[Sample]) -> str:
    head = f"# TYPE {PREFIX}{name} gauge\n# HELP {PREFIX}{name} {HELP[name]}\n"
    lines: list[str] = []
    last = ("", -1.0)
    for labels, value, moment in sorted(samples, key=lambda each: (each[0], each[2])):
        if (labels, moment) == last:
            continue  # the format allows one sample for each time
        last = (labels, moment)
        lines.append(f"{PREFIX}{name}{{{labels}}} {value:.9g} {moment:.{MILLISECONDS}f}\n")
    return head + "".join(lines)


def _samples(history: ScenarioHistory) -> Iterator[tuple[str, Sample]]:
    scenario = f'scenario="{escaped(history.scenario)}",file="{escaped(history.file)}"'
    if history.cluster:
        scenario += f',cluster="{escaped(history.cluster)}"'
    for run in history.runs:
        yield from _of(run, scenario)


def _of(run: Past, scenario: str) -> Iterator[tuple[str, Sample]]:
    ended = round(run.started + run.seconds, MILLISECONDS)
    yield "run_passed", (scenario, float(run.outcome == PASSED), ended)
    yield "run_seconds", (scenario, run.seconds, ended)
    for number in {each.name: each for each in run.numbers}.values():
        labels = f'{scenario},promise="{escaped(number.name)}"'
        yield "promise_kept", (labels, float(number.result == "passed"), ended)
        if number.value is not None:
            yield "promise_value", (labels, number.value, ended)
