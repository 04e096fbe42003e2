"""The top-level keys of a document, declared like the parameters of a verb.

A form mirrors the file; `documents` turns it into a Scenario or a Plan. The schema and the
reference read these declarations as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from resilience.kube.selectors import Selector
from resilience.model.inside import Dump, PlanHook, Sentinel, Volumes
from resilience.model.scenario import (
    DEFAULT_BASELINE,
    DEFAULT_GRACE,
    DEFAULT_SETTLE,
    Drill,
    Exclude,
    Keep,
    PlanObjective,
    Step,
)
from resilience.model.values import Duration
from resilience.model.verb import Phase, parameter

Steps = tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixForm:
    """Named lists whose product gives one test each, read by `matrix` before all else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioForm:
    """One scenario. `while` is a Python keyword, hence `while_`."""

    scenario: str = parameter(
        "The claim that the scenario tests, in one sentence.",
        example="checkout survives losing a third of its Pods",
    )
    id: str = parameter(
        "The pytest node id: a-z, 0-9 and dashes. By default derived from the title.", default=""
    )
    description: str = parameter("A longer description, for the report.", default="")
    tags: tuple[str, ...] = parameter(
        "Become pytest marks: `pytest -m smoke`.", default=(), example="[pods, smoke]"
    )
    namespace: str = parameter(
        "The namespace of names that do not give one; by default the target's.", default=""
    )
    seed: int | None = parameter(
        "Seed of all random choices; by default new for each run and printed in every report.",
        default=None,
        at_least=0,
    )
    settle: Duration = parameter(
        "The minimum time for which objectives are judged after `when` has ended; judging "
        "continues until 2s after the last victim is gone.",
        default=DEFAULT_SETTLE,
    )
    baseline: Duration | None = parameter(
        f"How long to measure before `when` begins (default: {DEFAULT_BASELINE} if a probe needs "
        "it with `during: baseline`, else no time).",
        default=None,
        example="20s",
    )
    fixtures: tuple[str, ...] = parameter(
        "pytest fixtures whose values the scenario uses as `${fixture.NAME}`: texts and numbers.",
        default=(),
        example="[tenant_url]",
    )
    matrix: MatrixForm | None = parameter(
        "Named lists; one test for each combination, in which `${matrix.NAME}` is its value. "
        "`exclude` lists combinations to leave out.",
        default=None,
        example="{share: [1/3, 50%], grace: [0s, 30s]}",
    )
    share: Literal["given"] | None = parameter(
        "`given`: scenarios of a folder that follow one another, in one file or several, and have "
        "the same actions under `given` set them up once. Before each of them everything is as "
        "`given` left it, or is set up again.",
        default=None,
    )
    given: Annotated[Steps, Phase.GIVEN] = parameter(
        "Creates and checks the starting state.", default=()
    )
    while_: Annotated[Steps, Phase.WHILE] = parameter(
        "Probes, which run from before the first action to the end.", default=(), key="while"
    )
    when: Annotated[Steps, Phase.WHEN] = parameter(
        "The steps that act, one after another; a check waits until it holds.", at_least=1
    )
    then: Annotated[Steps, Phase.THEN] = parameter("What must hold at the end.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanForm:
    """One plan."""

    plan: str = parameter("The name of the plan.", example="shop")
    id: str = parameter(
        "The first part of the pytest node ids; by default derived from the name.", default=""
    )
    description: str = parameter("A longer description, for the report.", default="")
    tags: tuple[str, ...] = parameter("Become pytest marks.", default=())
    namespaces: tuple[str, ...] = parameter(
        "What is backed up: names, or patterns such as `shop-*`.", at_least=1, example="[shop]"
    )
    given: Annotated[Steps, Phase.GIVEN] = parameter(
        "Creates the subject of the plan if there is none yet, as on the sandbox.", default=()
    )
    share: Literal["given"] | None = parameter(
        "`given`: the tests of the plan set up `given` once; a snapshot in it is taken for each.",
        default=None,
    )
    kinds: tuple[str, ...] = parameter(
        "Kinds to include, by plural name or pattern: `secrets`, `deployments.apps`, "
        "`*.example.com`.",
        default=("*",),
        at_least=1,
    )
    labels: Selector | None = parameter("Only objects with these labels.", default=None)
    exclude: Exclude | None = parameter("What to exclude.", default=None)
    cluster: Literal["related", "all", "none"] = parameter(
        "Which cluster-scoped objects: those that the included ones need, all, or none.",
        default="related",
    )
    accept: tuple[str, ...] = parameter(
        "Kinds or group/versions that may be forbidden or undiscoverable; any other fails the "
        "snapshot. Also what proofs pass over: `PartiallyFailed` and `volume-data` in backups of "
        "Velero, `unopened` for encrypted snapshots, `ungranted` for Roles that the account of the "
        "drill may not grant, `retained` for volumes of the copy that stay after the drill.",
        default=(),
        example="[metrics.k8s.io/v1beta1]",
    )
    store: str = parameter(
        "Where snapshots are kept: `s3://bucket/prefix`, `gs://bucket`, `az://container` or "
        "`file:DIRECTORY`.",
        example="s3://backups/clusters/staging",
    )
    schedule: str | None = parameter(
        "When a snapshot is due, as cron writes it.", default=None, example='"0 2 * * *"'
    )
    timezone: str = parameter(
        "The IANA time zone of the schedule.", default="UTC", example="Europe/Berlin"
    )
    grace: Duration = parameter(
        "How late a scheduled snapshot may be before it counts as missed.", default=DEFAULT_GRACE
    )
    recipients: tuple[str, ...] = parameter(
        "age public keys; with them snapshots are encrypted before they leave this host.",
        default=(),
        example="[age1...]",
    )
    volumes: bool | Volumes | None = parameter(
        "Include the data of bound claims, as a tar stream. If there are bound claims, a plan "
        "must set this to `true` or `false` to pass its proofs.",
        default=None,
        example="{from: snapshot, local: 2}",
    )
    engine: Literal["files", "restic"] = parameter(
        "What stores the data of volumes and dumps: the snapshot itself, as files, or restic, in a "
        "repository inside the store that deduplicates.",
        default="files",
    )
    hooks: tuple[PlanHook, ...] = parameter(
        "Commands to run in the application's containers before and after a snapshot.",
        default=(),
        example="[{pods: app=db, before: [freeze], after: [thaw]}]",
    )
    dumps: tuple[Dump, ...] = parameter(
        "Dumps by the application's own tools, streamed out of its containers.", default=()
    )
    sentinel: Sentinel | None = parameter(
        "A record that is written before each snapshot, and must exist after its restore.",
        default=None,
        example="{pods: app=db, write: [tee, /data/sentinel], read: [cat, /data/sentinel]}",
    )
    helper_image: str = parameter(
        "The image of this plan's helper Pods (volumes, canary), for instance from a mirror; else"
        " the target's, or the option's.",
        default="",
        example="registry.example.com/mirror/python:3.13-slim",
    )
    source_cluster: str = parameter(
        "The uid of the kube-system namespace of the cluster whose snapshots are judged and "
        "drilled, if it is not the cluster under test.",
        default="",
        example="0b7c2a5e-58a5-4d2b-9a51-6a9d2f1c7c11",
    )
    keep: Keep | None = parameter(
        "How many snapshots of each period are kept; by default none is ever deleted.",
        default=None,
        example="{last: 3, daily: 7, weekly: 5, monthly: 12}",
    )
    objective: PlanObjective | None = parameter(
        "The plan's objectives.", default=None, example="{rpo: 26h, rto: 10m}"
    )
    drill: Drill | None = parameter("How to prove that a snapshot restores.", default=None)
