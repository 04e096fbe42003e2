"""Computes from the file alone what a scenario changes, in all of its phases.

Each verb declares it (`Verb.touches`), or it follows from the verb's permissions: a verb that needs
write access in a namespace, to nodes, or to a cluster-scoped kind acts there. The scenario's own
namespace counts as soon as there is an action or a probe, unless all actions choose their
namespaces by label. A check alone acts on nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from resilience.cluster.interface import VOLUMES, grouped
from resilience.engine.guard.permissions import WRITES, every_step, of_step, placed
from resilience.engine.plan.find_plan import find
from resilience.model.scenario import Plan, Scenario, Step
from resilience.model.step_reach import Reach, union, within
from resilience.model.verb import Family, Phase, Right
from resilience.verbs.context import ActionFailed, Refused


def of_scenario(scenario: Scenario, namespace: str) -> Reach:
    """Refused where a plan or a manifest that it names cannot be read."""
    directory = Path(scenario.place.file).parent
    each = [(step, of_one(step, namespace, directory)) for step in every_step(scenario)]
    acts = scenario.given or scenario.probes or any(
        step.phase is Phase.WHEN and step.verb.family is not Family.FLOW and not found.selected
        for step, found in each
    )  # fmt: skip
    own = Reach(namespaces=frozenset({namespace} if acts else ()))
    return own | union(found for _, found in each)


def of_one(step: Step, namespace: str, directory: Path) -> Reach:
    """One step's."""
    name = str(getattr(step.parameters, "plan", "") or "")
    if step.verb.name == "snapshot" and name and name != "this":
        return of_plan(_plan(name, directory))
    rights = of_step(step, namespace, directory)
    if step.verb.touches is None:
        return of_rights(rights) | of_secrets(rights)
    declared = step.verb.touches(placed(step.parameters, directory), namespace)
    return declared | of_secrets(rights)


def of_secrets(rights: Iterable[Right]) -> Reach:
    """The namespaces in which Secrets are read by name; their owner must have consented to that."""
    return union(
        within(right.namespace)
        for right in rights
        if (right.verb, right.group, right.resource) == ("get", "", "secrets")
    )


def of_plan(plan: Plan) -> Reach:
    """To take a plan's snapshot: commands or helper Pods in its namespaces, if it needs any."""
    inside = bool(plan.volumes or plan.dumps or plan.hooks or plan.sentinel)
    return Reach(namespaces=frozenset(plan.namespaces if inside else ()))


def of_drill(plan: Plan) -> Reach:
    """To drill a plan: its scratch namespaces, patterns where the plan has patterns."""
    into = plan.drill.into if plan.drill else ""
    return Reach(
        namespaces=frozenset(into.replace("${namespace}", each) for each in plan.namespaces),
        if_listed=frozenset({VOLUMES.full_name}),
    )


def of_rights(rights: Iterable[Right]) -> Reach:
    """What a verb with these permissions changes. Evictions in all namespaces belong to the drained
    nodes."""
    return union(_of_right(right) for right in rights if right.verb in WRITES)


def _of_right(right: Right) -> Reach:
    kind = right.resource.partition("/")[0]
    if kind == "nodes" and not right.group:
        return Reach(nodes=True)
    if kind == "namespaces" and not right.group:
        return Reach(namespaces=frozenset({right.name} if right.name else ()))
    if right.selected:
        return Reach(selected=frozenset({right.selected}))
    if right.namespace:
        return Reach(namespaces=frozenset({right.namespace}))
    if kind in ("*", "pods"):
        return Reach()
    return Reach(cluster_scoped=frozenset({grouped(kind, right.group)}))


def _plan(name: str, directory: Path) -> Plan:
    try:
        return find(name, directory)
    except ActionFailed as error:
        raise Refused(str(error)) from error
