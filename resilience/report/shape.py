"""The shape of `report.json`, version 1, key by key.

These types are the single source: `document` fills them, `schema` turns them into the JSON Schema.
All times called `at`, `since`, `until`, `started`, `ended` are seconds since the run's start; times
called `wall`, and dates, are UTC. Within one version keys are only added.
"""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

VERSION = 1


class ScenarioJson(TypedDict):
    """What was run."""

    id: str
    title: str
    label: Annotated[str, "the title, with the values of the matrix"]
    description: str
    file: str
    line: int
    namespace: str
    tags: list[str]
    matrix: dict[str, str]


class WindowJson(TypedDict):
    """The span in which objectives were judged."""

    since: float
    until: float


class OutageJson(TypedDict):
    """A span without enough good answers."""

    since: float
    until: float
    seconds: float
    resolution: Annotated[float, "both edges are uncertain by this many seconds"]
    lost: Annotated[int, "requests that failed in it"]
    answers: Annotated[dict[str, int], "how these ended"]


class FindingJson(TypedDict):
    """One objective against one measurement."""

    name: Annotated[
        str,
        "stable, for machines: PROBE.availability, PROBE.longest_outage, PROBE.p99; with several "
        "windows PROBE.WINDOW.availability",
    ]
    result: Annotated[str, "passed, failed, not measured"]
    probe: Annotated[str, "the probe that measured it; empty for a check"]
    during: Annotated[
        str, "the window, if the probe has several; each window's objectives are judged separately"
    ]
    kind: Annotated[
        str, "availability, longest outage, latency, recovery, error budget; check: all else"
    ]
    figure: Annotated[
        str,
        "the kind of number, for comparing runs: availability, longest outage, recovery, "
        "error budget, p95, rto, rpo, lost writes, missed runs; empty: none of these",
    ]
    percentile: Annotated[float | None, "of a latency"]
    limit: Annotated[float | None, "the objective, in `unit`; null if it is not a number"]
    unit: Annotated[str | None, "of limit, value, low and high: ratio, seconds, count, bytes"]
    promised: Annotated[str, "for people"]
    measured: Annotated[str, "for people"]
    value: Annotated[float | None, "what was measured; null if nothing was"]
    low: Annotated[float | None, "the smallest possible value, given the unseen part"]
    high: Annotated[float | None, "the largest possible value, given the unseen part"]
    reason: Annotated[str | None, "a code: why it was not measured"]
    detail: Annotated[list[str], "for people: evidence, and what happened at that time"]
    outages: list[OutageJson]
    parts: Annotated[dict[str, float], "phases of a duration, in seconds and in their order"]
    place: Annotated[str, "file:line:column of the objective"]


class StepJson(TypedDict):
    """One executed step."""

    path: str
    phase: Annotated[str, "given, while, when, then"]
    verb: str
    title: str
    place: str
    started: float
    ended: Annotated[float | None, "null if it never ended"]
    result: str
    message: str
    optional: Annotated[bool, "whether the scenario could pass although this step did not"]
    facts: dict[str, Any]


class SeriesJson(TypedDict):
    """A probe over time, in equal spans."""

    since: Annotated[float, "start of the first span"]
    width: Annotated[float, "seconds of each span"]
    planned: list[int]
    good: list[int]
    median: Annotated[list[float | None], "median of good answers and timeouts, in seconds"]
    worst: Annotated[list[float | None], "the slowest of these, in seconds"]


class FailedJson(TypedDict):
    """One request that failed."""

    at: Annotated[float, "when it should have been sent"]
    seconds: Annotated[float, "time from then until its result was known"]
    answer: str
    status: int
    by: str


class ProbeJson(TypedDict):
    """What one probe recorded from its start to its stop."""

    name: str
    title: str
    rate: Annotated[float, "requests per second"]
    planned: int
    good: int
    answers: dict[str, int]
    pods: Annotated[dict[str, int], "good answers by Pod, where answers name it"]
    series: SeriesJson
    failed: Annotated[list[FailedJson], "the first 1,000"]
    facts: Annotated[dict[str, Any], "target, timeout, and how well the prober itself kept up"]


class EntryJson(TypedDict):
    """One thing that happened."""

    at: float
    wall: str
    what: Annotated[str, "run, step, victim, call, proof, watch, event, probe, undo, note"]
    text: str
    facts: dict[str, Any]


class SnapshotJson(TypedDict):
    """What a drill restored."""

    name: str
    started: Annotated[str, "when it was taken (UTC)"]
    store: str
    cluster: Annotated[str, "the context it was taken in"]
    objects: int
    bytes: int


class RunJson(TypedDict):
    """One run of one scenario."""

    run: str
    scenario: ScenarioJson
    seed: int
    outcome: str
    verdict: Annotated[str, "the outcome in one sentence"]
    plain: Annotated[str, "the outcome for people who do not know Kubernetes"]
    message: Annotated[str, "why it did not pass; empty if it passed"]
    again: Annotated[str, "the run that repeated this measurement because the machine was too busy"]
    before: Annotated[str, "the run whose measurement this one repeated"]
    started: Annotated[str, "UTC"]
    seconds: float
    window: WindowJson | None
    environment: Annotated[dict[str, Any], "versions, cluster; commit, branch, ci, who if known"]
    snapshot: SnapshotJson | None
    steps: list[StepJson]
    findings: list[FindingJson]
    probes: list[ProbeJson]
    victims: Annotated[list[EntryJson], "the victims of the actions"]
    proofs: Annotated[list[EntryJson], "evidence from the API that the faults took effect"]
    timeline: list[EntryJson]
    residues: Annotated[list[str], "what undone actions leave behind, as declared"]
    leftovers: Annotated[list[str], "what could not be undone"]


class ReportJson(TypedDict):
    """The whole file."""

    version: Annotated[int, "of this format"]
    generator: str
    written: Annotated[str, "UTC"]
    runs: list[RunJson]
