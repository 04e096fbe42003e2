"""Computes from the file alone the permissions that a scenario needs: those of its steps and of the
run.

Pure, except for manifests that `apply` names. Each permission records which step needs it, so that
a refusal can name it. A permission that another one includes (by a `*`, or in all namespaces) is
left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.cluster.interface import (
    BUDGETS,
    CONFIGMAPS,
    ENDPOINTSLICES,
    LEASES,
    NODES,
    PODS,
    REPLICASETS,
    SERVICES,
    Resource,
)
from resilience.engine.guard import host_routes
from resilience.kube.service_names import namespace_in, searched_namespace
from resilience.model.scenario import Scenario, Step, flattened
from resilience.model.verb import Right

RUN = "every run"

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection", "*"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One permission and the titles of the steps that need it."""

    right: Right
    why: tuple[str, ...]


def needed(scenario: Scenario, namespace: str, journal: str = "") -> Sequence[Need]:
    """All permissions of a scenario that acts in `namespace`, sorted. `journal` is the namespace
    of locks and the journal, "" if a run needs neither."""
    directory = Path(scenario.place.file).parent
    created = _created(scenario, namespace)
    found = [(right, RUN) for right in of_every_run(namespace, journal)]
    for step in every_step(scenario):
        rights = of_step(step, namespace, directory)
        asked = of_hosts(step, namespace, directory)
        found += [(right, step.title) for right in (*rights, *of_pause(rights), *asked)]
    return merged((_without_role(right, created), why) for right, why in found)


def _created(scenario: Scenario, namespace: str) -> frozenset[str]:
    """The namespaces that cannot exist before this scenario (`Verb.creates`)."""
    return frozenset(
        name
        for step in every_step(scenario)
        for name in step.verb.creates(step.parameters, namespace)
    )


def _without_role(right: Right, created: frozenset[str]) -> Right:
    """Cluster-wide if its Role would need a namespace that only the scenario creates."""
    return dataclasses.replace(right, namespace="") if right.namespace in created else right


def every_step(scenario: Scenario) -> Iterator[Step]:
    """All steps in the order of execution, including nested steps of flow verbs."""
    yield from flattened((*scenario.given, *scenario.probes, *scenario.when, *scenario.then))


def of_step(step: Step, namespace: str, directory: Path) -> Sequence[Right]:
    """The permissions that the step's verb declares."""
    return step.verb.rights(placed(step.parameters, directory), namespace)


def of_pause(rights: Iterable[Right]) -> Sequence[Right]:
    """Permissions to see whether a namespace in which a step acts is paused; for all namespaces if
    a step acts on a node, whose Pods may be in any. They are required, because a pause that cannot
    be read would not stop the run."""
    names = {
        right.namespace
        for right in rights
        if right.verb in WRITES
        and (right.namespace or right.resource.partition("/")[0] in ("*", "pods"))
    }
    return [
        Right(verb="get", group="", resource="namespaces", namespace=name, name=name)
        for name in sorted(names)
    ]


def of_hosts(step: Step, namespace: str, directory: Path) -> Iterator[Right]:
    """To see what the hosts that a step writes to lead to in the cluster. Optional, since the
    refusal without them says more.
    """
    if step.verb.touches is None:
        return
    declared = step.verb.touches(placed(step.parameters, directory), namespace)
    for host in sorted(declared.hosts):
        inside = namespace_in(host.name)
        if inside:
            yield _may("get", SERVICES, inside)
            yield _may("list", ENDPOINTSLICES, inside)
        elif name := searched_namespace(host.name):
            yield Right(verb="get", group="", resource="namespaces", namespace=name, name=name,
                        optional=True)  # fmt: skip
        if not inside:
            yield from (_may("list", kind) for kind in (SERVICES, PODS, NODES))
            for kind in sorted(host_routes.KINDS):
                plural, _, group = kind.partition(".")
                yield Right(verb="list", group=group, resource=plural, optional=True)


def _may(verb: str, kind: Resource, namespace: str = "") -> Right:
    return Right(verb=verb, group=kind.group, resource=kind.plural, namespace=namespace,
                 optional=True)  # fmt: skip


def of_every_run(namespace: str, journal: str = "") -> Sequence[Right]:
    """Needed by the engine itself, for every scenario."""
    wanted = [
        Right(verb="get", group="", resource="namespaces", name="kube-system"),
        Right(verb="get", group="", resource="namespaces", namespace=namespace, name=namespace),
        Right(verb="list", group="", resource=PODS.plural, namespace=namespace),
        Right(verb="watch", group="", resource=PODS.plural, namespace=namespace),
        # To find a victim's workload, whose name people know.
        Right(verb="get", group=REPLICASETS.group, resource=REPLICASETS.plural,
              namespace=namespace),
        Right(verb="list", group="", resource="events", namespace=namespace, optional=True),
        Right(verb="watch", group="", resource="events", namespace=namespace, optional=True),
        # The report shows how many Pods each budget let go.
        *(Right(verb=verb, group=BUDGETS.group, resource=BUDGETS.plural, namespace=namespace,
                optional=True) for verb in ("list", "watch")),
        # Events that show others when a run begins and ends there.
        Right(verb="create", group="", resource="events", namespace=namespace, optional=True),
    ]  # fmt: skip
    return [*wanted, *(of_journal(journal) if journal else ())]


def of_command(namespaces: Sequence[str], journal: str) -> Sequence[Right]:
    """Needed by a command that acts in these namespaces: to learn which cluster it is and whether
    each of them consents, to hold its locks, to keep its journal."""
    named = [name for name in namespaces if not set(name) & set("*?[")]
    return [
        *(Right(verb="get", group="", resource="namespaces", namespace=name, name=name)
          for name in named),
        Right(verb="get", group="", resource="namespaces", name="kube-system"),
        *of_journal(journal),
    ]  # fmt: skip


def of_journal(journal: str) -> Sequence[Right]:
    """Locks and the journal in the cluster."""
    return [
        Right(verb="get", group="", resource="namespaces", namespace=journal, name=journal),
        *(Right(verb=verb, group=LEASES.group, resource=LEASES.plural, namespace=journal)
          for verb in ("get", "create", "update")),
        *(Right(verb=verb, group="", resource=CONFIGMAPS.plural, namespace=journal)
          for verb in ("get", "list", "create", "patch", "delete")),
    ]  # fmt: skip


def merged(found: Iterable[tuple[Right, str]]) -> Sequence[Need]:
    """Each permission once; it is optional only if no step requires it."""
    why: dict[Right, list[str]] = {}
    for right, step in found:
        steps = why.setdefault(right, [])
        if step not in steps:
            steps.append(step)
    needs = [
        Need(right=right, why=tuple(steps))
        for right, steps in why.items()
        if not any(_includes(other, right) for other in why if other != right)
    ]
    return sorted(needs, key=lambda need: dataclasses.astuple(need.right))


def _includes(wide: Right, narrow: Right) -> bool:
    if wide.optional and not narrow.optional:
        return False
    return all(
        getattr(wide, field) in (anything, getattr(narrow, field))
        for field, anything in (
            ("verb", "*"), ("group", "*"), ("resource", "*"), ("namespace", ""), ("name", ""),
            ("selected", ""),
        )
    )  # fmt: skip


def placed(parameters: Any, directory: Path) -> Any:
    """Files of a step are relative to its scenario; permissions are read in the process's
    directory."""
    if not dataclasses.is_dataclass(parameters) or isinstance(parameters, type):
        return parameters
    files = {
        field.name: directory / value
        for field in dataclasses.fields(parameters)
        if isinstance(value := getattr(parameters, field.name), Path)
    }
    return dataclasses.replace(parameters, **files) if files else parameters
