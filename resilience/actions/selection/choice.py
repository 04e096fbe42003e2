"""The parameters with which all Pod actions choose their Pods.

The selection itself is `resilience.actions.selection.select`. Actions inherit from these
dataclasses, so that each of them has the same parameters. `WideChoice` is for actions that may
choose in other namespaces than the scenario's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from resilience.kube.selectors import Selector
from resilience.model.values import Duration, Reference, Share
from resilience.model.verb import Complaint, parameter

Count = int | Literal["all", "one", "minority", "majority"]
Order = Literal["random", "oldest", "newest", "fair"]

SHORTEST = 86400.0
"""The smallest `mtbf`, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodChoice:
    """Match, filter, choose. At least one way to match is needed."""

    pods: Selector | None = parameter("Pods with these labels.", default=None, example="app=shop")
    name: str | None = parameter("The Pod with this name.", default=None, example="db-0")
    owner: Reference | None = parameter(
        "Pods of this workload.", default=None, example="deployment/checkout"
    )
    node: str | None = parameter("Only Pods on this node.", default=None, example="node-1")
    phase: Literal["Pending", "Running"] | None = parameter(
        "Only Pods in this phase.", default=None
    )
    ready: bool | None = parameter("Only Pods that are (or are not) ready.", default=None)
    min_age: Duration | None = parameter("Only Pods at least this old.", default=None, example="5m")
    kinds: tuple[str, ...] = parameter(
        "Only Pods of workloads of these kinds; `!KIND` excludes one.",
        default=(),
        example="[deployment, '!daemonset']",
    )
    annotations: Selector | None = parameter(
        "Only Pods with these annotations.", default=None, example="team/chaos=yes"
    )
    exclude: Selector | None = parameter(
        "Except Pods with these labels.", default=None, example="canary"
    )
    one_per: Literal["owner", "node"] | None = parameter(
        "Choose at most one Pod of each workload (owner), or on each node.", default=None
    )
    bare: bool = parameter("Include bare Pods (no controller recreates them).", default=False)
    count: Count | None = parameter(
        "How many Pods: a number, all, one, minority (fewer than half) or majority.",
        default=None,
        example="1",
        at_least=1,
        one_of="how many",
    )
    share: Share | None = parameter(
        "Which share of the Pods, rounded down.", default=None, example="1/3", one_of="how many"
    )
    order: Order = parameter(
        "Which Pods to pick first: random (seeded), oldest, newest, or fair: Pods that, by "
        "earlier reports, were never disrupted or whose last disruption is longest ago.",
        default="random",
    )

    @property
    def how_many(self) -> str:
        """The quantity as written in the scenario; messages show it before the criteria."""
        if self.share is not None:
            return f"{self.share} of the Pods"
        if self.count in (None, 1, "one"):
            return "one Pod"
        return f"{self.count} Pods"

    @property
    def which(self) -> str:
        """What is matched, for messages."""
        words = [
            str(self.pods) if self.pods else "",
            self.name or "",
            f"of {self.owner}" if self.owner else "",
            f"on {self.node}" if self.node else "",
            self.phase or "",
        ]
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True, kw_only=True)
class WideChoice(PodChoice):
    """A choice in the scenario's own namespace, or in all namespaces with given labels."""

    namespaces: Selector | None = parameter(
        "Pods of all namespaces with these labels, instead of the scenario's own namespace.",
        default=None,
        example="team=shop",
    )

    opted_in: bool = parameter(
        'Only workloads that opted in: by the label `resilience.io/enabled: "true"`, or as for '
        "kube-monkey or chaoskube.",
        default=False,
    )
    mtbf: Duration | None = parameter(
        "Mean time between failures: each day the step (with `opted_in`, each workload) is due "
        "with a probability of one day divided by this time. Intended for one run a day.",
        default=None,
        example="3d",
    )

    @property
    def where(self) -> str:
        """Where Pods are chosen, if not in the scenario's own namespace."""
        where = f" in namespaces {self.namespaces}" if self.namespaces else ""
        return where + (" of workloads that opted in" if self.opted_in else "")


_KIND = re.compile(r"!?[a-z][a-z0-9]*")


def complaints(choice: PodChoice) -> list[Complaint]:
    """What is wrong with a choice of Pods; "" if nothing."""
    return [*_nobody_named(choice), *_kinds(choice), *_elsewhere(choice), *_often(choice)]


def _nobody_named(choice: PodChoice) -> Iterator[Complaint]:
    """A choice without any criterion is refused: it would mean every Pod of the namespace."""
    wide = isinstance(choice, WideChoice) and (choice.namespaces or choice.opted_in)
    if not (choice.pods or choice.name or choice.owner or choice.node or wide):
        ways = "pods: LABELS, name: POD, owner: WORKLOAD or node: NODE"
        ways += ", namespaces: LABELS or opted_in: true" if isinstance(choice, WideChoice) else ""
        yield Complaint(field="", message="no Pods are selected", expected=ways)


def _kinds(choice: PodChoice) -> Iterator[Complaint]:
    for kind in choice.kinds:
        if not _KIND.fullmatch(kind):
            text = f"{kind!r} is not a kind of workload in lower case"
            yield Complaint(field="kinds", message=text, expected="deployment, or !daemonset")


def _elsewhere(choice: PodChoice) -> Iterator[Complaint]:
    if isinstance(choice, WideChoice) and choice.namespaces and choice.owner:
        yield Complaint(
            field="owner",
            message=f"{choice.owner} is a workload of one namespace, but `namespaces` selects many",
            expected="pods: LABELS instead, or remove `namespaces`",
        )


def _often(choice: PodChoice) -> Iterator[Complaint]:
    if isinstance(choice, WideChoice) and choice.mtbf and choice.mtbf.seconds < SHORTEST:
        yield Complaint(
            field="mtbf",
            message=f"{choice.mtbf} is less than a day, but the step is due at most once a day",
            expected="at least 1d; without `mtbf` the step is due in each run",
        )
