"""Detects passes that prove nothing: nothing was broken, or nothing that the probe could have
noticed.

Each rule returns a sentence that says so, or "" if there is something to judge. Unclear cases (a
changed ConfigMap may concern any Service) get the benefit of the doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import NODES, PODS, SERVICES
from resilience.engine.run.state import RunState
from resilience.kube import objects
from resilience.model.scenario import BASELINE, FAULT, RECOVERY, Step
from resilience.model.verb import Family, Phase
from resilience.model.verdict import Outcome

EXPECTING = ("expect_refused", "refused")
"""Flow verbs whose inner action is expected to fail."""


def nothing_broken(state: RunState) -> str:
    """Every action of `when` failed, and all were optional."""
    steps = [each.step for each in state.victims] + [each.step for each in state.affected]
    if any(path.startswith(Phase.WHEN.value) for path in steps):
        return ""
    done = [each.record for each in state.done if each.record.phase == Phase.WHEN.value]
    expecting = [each.path for each in done if each.verb in EXPECTING]
    if expecting:
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
    moments = [each.struck for each in state.victims if each.step.startswith(Phase.WHEN.value)]
    moments += [each.since for each in state.affected if each.step.startswith(Phase.WHEN.value)]
    if not moments or last > min(moments):
        return ""
    names = ", ".join(step.during)
    return f"`during: {names}` ended before the first fault, so nothing was broken during it"


def backing(step: Step, state: RunState) -> Mapping[str, str]:
    """Labels with which the probed Service selects its Pods, {} if unknown. They must be read while
    the Service exists."""
    service, namespace = _service(step, state)
    if not service:
        return {}
    try:
        found = state.cluster.get(SERVICES, service, namespace)
    except ClusterError:
        return {}
    selector: Mapping[str, str] = (found.get("spec") or {}).get("selector") or {}
    return selector


def unrelated(step: Step, selector: Mapping[str, str], state: RunState) -> str:
    """Nothing behind the probed Service was harmed or changed."""
    service, namespace = _service(step, state)
    changed = [each for each in state.affected if each.step.startswith(Phase.WHEN.value)]
    if not selector or any(not each.pod_labels and each.kind != NODES.kind for each in changed):
        return ""
    harmed = [each for each in state.victims if each.step.startswith(Phase.WHEN.value)]
    wider = getattr(step.parameters, "depends_on", None)
    seen: list[Mapping[str, str]] = [
        objects.labels(event.object)
        for event in state.views.history(PODS)
        for victim in harmed
        if victim.uid == objects.uid(event.object) and victim.namespace == namespace
    ]
    seen += [each.pod_labels for each in changed if each.namespace == namespace]
    if any(
        selector.items() <= labels.items() or (wider and wider.matches(labels)) for labels in seen
    ):
        return ""
    names = [each.title for each in harmed] + [each.title for each in changed]
    labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    nobody = f"no Pod behind the Service {namespace}/{service} ({labels}) was harmed or changed"
    if not names:
        return (
            f"{nobody}, and nothing else was either; write an action under `when` that changes "
            "something"
        )
    return (
        f"{nobody}, but {', '.join(dict.fromkeys(names))}; if the Service depends on it, write"
        " `depends_on: LABELS` next to it"
    )


def _service(step: Step, state: RunState) -> tuple[str, str]:
    parameters: Any = step.parameters
    namespace = str(getattr(parameters, "namespace", "") or state.namespace)
    return str(getattr(parameters, "service", "") or ""), namespace
