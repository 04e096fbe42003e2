"""Detects passes that prove nothing: nothing was broken, or nothing that the probe could have
noticed.

Each rule returns a sentence that says so, or "" if there is something to judge. Unclear cases (a
changed ConfigMap may concern any Service) get the benefit of the doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from resilience.cluster import survey
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import NODES, PODS, SERVICES
from resilience.engine.evidence.victims import Affected, Struck
from resilience.engine.run.state import RunState
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.scenario import BASELINE, FAULT, RECOVERY, Step
from resilience.model.verb import Family, Phase
from resilience.model.verdict import Outcome, Result

WORKLOADS = frozenset(each.kind.lower() for each in survey.WORKLOADS)

EXPECTING = ("expect_refused", "refused")
"""Flow verbs whose inner action is expected to fail."""


def nothing_broken(state: RunState) -> str:
    """Every action of `when` failed, and all were optional."""
    phases = {each.phase for each in state.victims} | {each.phase for each in state.affected}
    if Phase.WHEN in phases:
        return ""
    done = [each.record for each in state.done if each.record.phase == Phase.WHEN.value]
    if any(each.verb in EXPECTING and each.result is Result.PASSED for each in done):
        return ""
    tried = [
        each.record
        for each in state.done
        if each.record.phase == Phase.WHEN.value
        and each.record.facts.get("family") == Family.ACTION.value
    ]
    if not tried or any(each.facts.get("outcome") == Outcome.PASSED.value for each in tried):
        return ""
    told = "; ".join(
        dict.fromkeys(f"`{each.title}` ({each.place}): {each.message}" for each in tried)
    )
    return f"no action took effect, so nothing was broken: {told}"


def calm(step: Step, state: RunState) -> str:
    """The steps that `during` names ended before anything was broken. This is intended for a
    baseline, which proves nothing on its own."""
    if not step.during or set(step.during) & {FAULT, RECOVERY}:
        return ""
    if set(step.during) == {BASELINE}:
        return ""
    ends = [each.record.ended for each in state.done if each.record.title in step.during]
    if not ends or None in ends:
        return ""
    last = max(end for end in ends if end is not None)
    moments = [each.struck for each in state.victims if each.phase is Phase.WHEN]
    moments += [each.since for each in state.affected if each.phase is Phase.WHEN]
    if not moments or last > min(moments):
        return ""
    names = ", ".join(step.during)
    return f"`during: {names}` ended before the first fault, so nothing was broken during it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """The Pods that a probe can say something about. `text` names them."""

    text: str
    namespace: str
    covers: Callable[[Mapping[str, str]], bool] = lambda labels: False
    workload: str = ""

    def has(self, namespace: str, labels: Mapping[str, str], workload: str) -> bool:
        """Whether a Pod with these labels, of this workload, is one of them."""
        mine = self.covers(labels) or (bool(self.workload) and workload == self.workload)
        return namespace == self.namespace and mine


def backing(step: Step, state: RunState) -> Behind | None:
    """The Pods behind the probe; None if unknown. It must be asked while the probed Service
    exists."""
    parameters: Any = _target(step)
    namespace = str(getattr(parameters, "namespace", "") or state.namespace)
    pods = getattr(parameters, "pods", None)
    if isinstance(pods, Selector) and _asks(step):
        return Behind(text=f"{pods}", namespace=namespace, covers=pods.matches)
    if count := getattr(parameters, "count", None):
        return Behind(text=f"{count.pods}", namespace=namespace, covers=count.pods.matches)
    if (condition := getattr(parameters, "condition", None)) and condition.of.kind in WORKLOADS:
        title = str(condition.of)
        return Behind(text=f"of {title}", namespace=namespace, workload=title)
    service = _service(step)
    if not service:
        return None
    try:
        found = state.cluster.get(SERVICES, service, namespace)
    except ClusterError:
        return None
    selector: Mapping[str, str] = (found.get("spec") or {}).get("selector") or {}
    if not selector:
        return None
    labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    return Behind(
        text=f"behind the Service {namespace}/{service} ({labels})",
        namespace=namespace,
        covers=lambda labels: selector.items() <= labels.items(),
    )


def _target(step: Step) -> Any:
    """Where the place that the probe asks is written: a ledger has one of several stores."""
    return getattr(step.parameters, "target", None) or step.parameters


def _service(step: Step) -> str:
    """The Service that the probe asks, or whose endpoints it counts; a Prometheus only passes on
    what it knows of others."""
    parameters: Any = _target(step)
    if endpoints := getattr(parameters, "endpoints", None):
        return str(endpoints.service)
    return str(getattr(parameters, "service", "") or "") if _asks(step) else ""


def _asks(step: Step) -> bool:
    """Whether the probe sends something to the Service or the Pods that it names; one that only
    watches or reads may well mean others than those that are harmed."""
    return step.verb.measures or _target(step) is not step.parameters


def by_phase(each: Struck | Affected) -> bool:
    """Whether an action was meant to break something, and not to set the stage."""
    return each.phase is Phase.WHEN


def unrelated(
    step: Step, behind: Behind | None, state: RunState, counts: Callable[[Struck | Affected], bool]
) -> str:
    """Nothing behind the probe was harmed or changed by what `counts`."""
    changed = [each for each in state.affected if counts(each)]
    if behind is None or any(not each.pod_labels and each.kind != NODES.kind for each in changed):
        return ""
    harmed = [each for each in state.victims if counts(each)]
    wider = getattr(step.parameters, "depends_on", None)
    titles = {victim.uid: victim.workload_title for victim in harmed}
    seen: list[tuple[str, Mapping[str, str], str]] = [
        (objects.namespace(event.object), objects.labels(event.object), titles[uid])
        for event in state.views.history(PODS)
        if (uid := objects.uid(event.object)) in titles
    ]
    seen += [(each.namespace, each.pod_labels, f"{each.kind.lower()}/{each.name}")
             for each in changed]  # fmt: skip
    if any(behind.has(*each) or (wider and wider.matches(each[1])) for each in seen):
        return ""
    names = [each.title for each in harmed] + [each.title for each in changed]
    nobody = f"no Pod {behind.text} was harmed or changed"
    if not names:
        return (
            f"{nobody}, and nothing else was either; write an action under `when` that changes "
            "something"
        )
    return (
        f"{nobody}, but {', '.join(dict.fromkeys(names))}; if what is measured depends on it, "
        "write `depends_on: LABELS` next to it"
    )
