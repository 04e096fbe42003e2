"""Consent: may this cluster, may these namespaces be broken? What is not allowed is refused.

The sandbox needs none. A real cluster needs a target that lists it (by the uid of kube-system) and
the namespace, or the label `resilience/consent=allow` on the namespace. A label never consents to
the system's own namespaces, nor to touching nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import NAMESPACES, Cluster, Means
from resilience.config.targets import Target
from resilience.engine.guard.permissions import flattened, of_step
from resilience.model.scenario import Scenario
from resilience.model.verb import Right
from resilience.verbs.context import Refused

LABEL = "resilience/consent"
PROTECTED = frozenset({"kube-system", "kube-public", "kube-node-lease"})


def in_cluster_unnamed(context: str, environment: Mapping[str, str]) -> str:
    """Why a run inside a cluster that names no context is refused; "" where it is not."""
    if context or not environment.get("KUBERNETES_SERVICE_HOST"):
        return ""
    return (
        "we run inside a cluster and no context is named; name it with"
        " --resilience-context in-cluster, or unset KUBERNETES_SERVICE_HOST to use the sandbox"
    )


def consent(
    cluster: Cluster, targets: Sequence[Target], namespaces: Sequence[str], *, nodes: bool = False
) -> None:
    """Return if all of it may be acted on, else raise Refused with what would allow it."""
    if cluster.is_sandbox:
        return
    target = target_of(cluster, targets)
    for namespace in namespaces:
        if target is None or namespace not in target.namespaces:
            _require_label(cluster, namespace, target)
    if nodes and (target is None or not target.nodes):
        raise Refused(
            f"nothing allows acting on nodes of {cluster.context!r};"
            f" set `nodes = true` in {_some(target)}"
        )


def target_of(cluster: Cluster, targets: Sequence[Target]) -> Target | None:
    """The target that means this very cluster; Refused when its context leads elsewhere."""
    named = [target for target in targets if target.context == cluster.context]
    if not named:
        return None
    try:
        uid = str(cluster.get(NAMESPACES, "kube-system")["metadata"]["uid"])
    except Forbidden as error:
        raise Refused(
            f"which cluster {cluster.context!r} is cannot be told ({error}); it takes the right to"
            " get namespaces kube-system (`resilience rbac` prints it)"
        ) from error
    for target in named:
        if target.cluster == uid:
            return target
    raise Refused(
        f"context {cluster.context!r} leads to another cluster than target {named[0].name!r} means:"
        f" its kube-system has uid {uid}, the target says {named[0].cluster}"
    )


def means(cluster: Cluster, targets: Sequence[Target], helper_image: str = "") -> Means:
    """What the cluster's own target gives beside the API; nothing on another cluster.
    `helper_image` applies where the target names none."""
    try:
        target = target_of(cluster, targets)
    except Refused:
        target = None
    if target is None:
        return Means(helper_image=helper_image)
    return Means(
        driver=target.driver,
        privileged=target.privileged,
        helper_image=target.helper_image or helper_image,
    )


def _require_label(cluster: Cluster, namespace: str, target: Target | None) -> None:
    if namespace in PROTECTED:
        raise Refused(
            f"namespace {namespace!r} is the system's own; only {_some(target)} that lists it in"
            " `namespaces` can allow it"
        )
    try:
        labels = cluster.get(NAMESPACES, namespace)["metadata"].get("labels") or {}
    except NotFound:
        labels = {}
    if target is not None and any(each.matches(labels) for each in target.namespace_selectors):
        return
    if labels.get(LABEL) != "allow":
        raise Refused(
            f"nothing allows acting in namespace {namespace!r} of {cluster.context!r}; list it in"
            f" {_some(target)}, or label it: kubectl --context {cluster.context} label namespace"
            f" {namespace} {LABEL}=allow"
        )


def _some(target: Target | None) -> str:
    if target is not None:
        return f"[tool.resilience.targets.{target.name}]"
    return "a target ([tool.resilience.targets.NAME] in pyproject.toml)"


WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection", "*"})


def touched(scenario: Scenario, namespace: str) -> tuple[Sequence[str], bool]:
    """(namespaces, whether nodes too) that the scenario's steps need rights to change."""
    directory = Path(scenario.place.file).parent
    steps = flattened((*scenario.given, *scenario.when))
    return reach([right for step in steps for right in of_step(step, namespace, directory)],
                 namespace)  # fmt: skip


def reach(rights: Iterable[Right], namespace: str) -> tuple[Sequence[str], bool]:
    """(namespaces, whether nodes too) that such rights change."""
    namespaces = {namespace}
    nodes = False
    for right in rights:
        if right.verb in WRITES and right.resource.split("/")[0] == "nodes":
            nodes = True
        elif right.verb in WRITES and right.namespace:
            namespaces.add(right.namespace)
    return sorted(namespaces), nodes
