"""A scenario and a plan after loading: typed, checked, immutable. No text is left to parse."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any, Literal

from resilience.kube.selectors import Selector
from resilience.model.error_budget import ErrorBudget
from resilience.model.inside import Dump, PlanHook, Sentinel, Volumes
from resilience.model.place import Place
from resilience.model.values import Availability, Duration, Rate, Share
from resilience.model.verb import Family, Phase, Verb, parameter

DEFAULT_SETTLE = Duration.of(5)
"""How long objectives are judged after `when:` has ended."""

DEFAULT_BASELINE = Duration.of(10)
"""How long to measure before `when:`, if a probe needs that."""

BASELINE, FAULT, RECOVERY = WINDOWS = ("baseline", "fault", "recovery")
"""Words of `during` that name a window; the three follow one another without a gap."""

BEFORE, AFTER = ONCE = ("before", "after")
"""Words of `during` for a single request, as a check."""

DEFAULT_WITHIN = Duration.of(60)
"""A step's default deadline: long enough for a rollout, short enough for CI."""


DEFAULT_RATE = Rate(Fraction(50))
"""A probe's default number of requests per second: 99% can be judged after six seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a probe must reach. Percentiles are keyed by number: {99: Duration}."""

    availability: Availability | None = None
    longest_outage: Duration | None = None
    recovery: Duration | None = None
    error_budget: ErrorBudget | None = None
    no_worse_than_baseline: Share | None = None
    latency: Mapping[float, Duration] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `parameters` is an instance of `verb.parameters`.

    `rate`, `objective`, `during`, `abort_below` are set on probes only; `rate` always on a probe
    that measures. `during` names the windows in which the objective is judged, each apart: words of
    `WINDOWS`, or steps of `when`; without it, the span is all of `when`. `path` counts the steps of
    a phase from 0, as in "when[2]"; a step inside a flow verb is prefixed with its parent's path:
    "when[2].repeat[0]", "when[1].refused". `within` without `within_given` is the default.
    `lasting` confirms that nothing is undone.
    """

    verb: Verb
    parameters: Any
    phase: Phase
    path: str
    place: Place
    name: str
    within: Duration = DEFAULT_WITHIN
    within_given: bool = False
    optional: bool = False
    rate: Rate | None = None
    objective: Objective | None = None
    during: tuple[str, ...] = ()
    abort_below: Availability | None = None
    lasting: bool = False

    @property
    def title(self) -> str:
        """The step's title in reports: its name, else its dry-run text."""
        return self.name or self.verb.describe(self.parameters)


def flattened(steps: Iterable[Step]) -> Iterator[Step]:
    """Each step, followed by the steps in its parameters."""
    for step in steps:
        yield step
        if dataclasses.is_dataclass(step.parameters):
            for field_ in dataclasses.fields(step.parameters):
                value = getattr(step.parameters, field_.name)
                inner = value if isinstance(value, tuple) else (value,)
                yield from flattened(part for part in inner if isinstance(part, Step))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One test. A `matrix:` has been expanded already; `matrix` holds the values of this case.

    `id` is the pytest node id (a slug, with `[key=value]` when from a matrix).
    `namespace` "" means: the target's default namespace. `seed` is None if it is chosen at run time
    and printed. `baseline` is None if nothing is measured before `when`. `fixtures` are pytest's;
    before they are known, something stands in for their values. With `shares_given`, what `given`
    set up may serve the next scenario of the file as well.
    """

    id: str
    title: str
    tags: tuple[str, ...]
    namespace: str
    seed: int | None
    given: tuple[Step, ...]
    probes: tuple[Step, ...]
    when: tuple[Step, ...]
    then: tuple[Step, ...]
    settle: Duration = DEFAULT_SETTLE
    baseline: Duration | None = None
    matrix: Mapping[str, str] = field(default_factory=dict)
    fixtures: tuple[str, ...] = ()
    shares_given: bool = False
    description: str = ""
    place: Place

    def same_given(self, other: Scenario) -> bool:
        """Whether what `given` of the one set up may serve the other, of the same folder. Checks
        under `given` are each scenario's own."""
        return (
            self.shares_given
            and other.shares_given
            and self.place.folder == other.place.folder
            and self.namespace == other.namespace
            and [*_set_up(self)] == [*_set_up(other)]
        )

    @property
    def mutates(self) -> bool:
        """Whether any step changes the cluster (such items are refused under `-n`)."""
        return any(
            step.verb.family in (Family.ACTION, Family.FLOW) for step in (*self.given, *self.when)
        )


def _set_up(scenario: Scenario) -> Iterator[tuple[str, Any]]:
    for step in scenario.given:
        if step.verb.family is Family.ACTION:
            yield step.verb.name, step.parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How many snapshots of each period retention keeps."""

    last: int = parameter("The newest snapshots, of any age.", default=0, at_least=0)
    hourly: int = parameter(
        "The newest snapshot of each of this many hours.", default=0, at_least=0
    )
    daily: int = parameter("The newest snapshot of each of this many days.", default=0, at_least=0)
    weekly: int = parameter(
        "The newest snapshot of each of this many weeks.", default=0, at_least=0
    )
    monthly: int = parameter(
        "The newest snapshot of each of this many months.", default=0, at_least=0
    )
    yearly: int = parameter(
        "The newest snapshot of each of this many years.", default=0, at_least=0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanObjective:
    """How old the newest verified snapshot may be, and how long a restore may take."""

    rpo: Duration | None = parameter(
        "How old the newest verified snapshot may be.", default=None, example="26h"
    )
    rto: Duration | None = parameter(
        "How long a restore may take, including its proof.", default=None, example="10m"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """Where a plan's drill restores to and what must hold there. `into` still contains
    `${namespace}`, which is replaced by each namespace of the plan.
    """

    into: str = parameter(
        "The scratch namespace; `${namespace}` is the namespace that was backed up.",
        default="${namespace}-drill",
    )
    custom: tuple[str, ...] = parameter(
        "Custom resources that the drill restores as well, by kind. Others are left out and listed,"
        " because the effect of their controllers on a copy is unknown.",
        default=(),
        example="[widgets.example.com]",
    )
    then: Annotated[tuple[Step, ...], Phase.THEN] = parameter(
        "What must hold in the scratch namespace after the restore.", at_least=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclude:
    """The objects that a plan leaves out."""

    namespaces: tuple[str, ...] = parameter(
        "Namespaces, by name or pattern.", default=(), example="[shop-test]"
    )
    kinds: tuple[str, ...] = parameter(
        "Kinds, by plural name or pattern.", default=(), example="[events, '*.cilium.io']"
    )


DEFAULT_GRACE = Duration.of(3600)
"""How late a scheduled snapshot may be before it counts as missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is backed up, when, where to, how long it is kept, and how its restore is proven.
    `without_volumes`: the plan says `volumes: false` literally.
    """

    id: str
    title: str
    tags: tuple[str, ...] = ()
    namespaces: tuple[str, ...]
    given: tuple[Step, ...] = ()
    shares_given: bool = False
    store: str
    schedule: str | None = None
    timezone: str = "UTC"
    keep: Keep = field(default_factory=Keep)
    objective: PlanObjective = field(default_factory=PlanObjective)
    drill: Drill | None = None
    kinds: tuple[str, ...] = ("*",)
    labels: Selector | None = None
    exclude: Exclude = field(default_factory=Exclude)
    cluster: Literal["related", "all", "none"] = "related"
    accept: tuple[str, ...] = ()
    grace: Duration = DEFAULT_GRACE
    recipients: tuple[str, ...] = ()
    volumes: Volumes | None = None
    without_volumes: bool = False
    source_cluster: str = ""
    engine: Literal["files", "restic"] = "files"
    hooks: tuple[PlanHook, ...] = ()
    dumps: tuple[Dump, ...] = ()
    sentinel: Sentinel | None = None
    helper_image: str = ""
    description: str = ""
    place: Place
