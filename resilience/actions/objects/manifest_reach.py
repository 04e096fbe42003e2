"""Where the objects of a manifest act, and the permissions that `apply` needs for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from resilience.actions.shared.kinds import is_cluster_scoped, plural
from resilience.actions.undo import set_claims
from resilience.backup.modify.pod_specs import pod_specs
from resilience.backup.objects.kind_identity import is_built_in
from resilience.cluster.interface import Object, grouped
from resilience.cluster.permit import grants, namespace_kinds
from resilience.cluster.permit.acts_elsewhere import elsewhere, installs_into
from resilience.kube import objects
from resilience.model.step_reach import Reach, union
from resilience.model.verb import Right

_POWERS = frozenset({"ALL", "SYS_ADMIN", "CAP_SYS_ADMIN"})
"""Capabilities that amount to being privileged."""


def rights(bodies: Sequence[Object], namespace: str, *, keep: bool) -> Sequence[Right]:
    """Permissions to create and change them and, unless `keep`, to undo that."""
    kinds = {
        (
            str(body["apiVersion"]).rpartition("/")[0],
            str(body["kind"]),
            "" if _is_cluster_scoped(body) else objects.namespace(body) or namespace,
        )
        for body in bodies
    }
    verbs = ("get", "create", "patch") + (() if keep else ("delete",))
    return (
        [
            Right(verb=verb, group=group, resource=plural(kind), namespace=where)
            for group, kind, where in sorted(kinds)
            for verb in verbs
        ]
        + [
            Right(verb="get", group="", resource="namespaces", namespace=where, name=where)
            for where in sorted({where for _, _, where in kinds} - {""})
        ]
        + [right for body in bodies for right in _bound(body, namespace)]
        + ([] if keep else _for_undo(bodies, namespace))
    )


def _for_undo(bodies: Sequence[Object], namespace: str) -> list[Right]:
    """To delete a namespace once no one else uses it, and the claims of a StatefulSet."""
    spaces = [body for body in bodies if body["kind"] == "Namespace" and body["apiVersion"] == "v1"]
    found = [
        right
        for name in sorted(map(objects.name, spaces))
        for right in namespace_kinds.rights(name)
    ]
    for body in bodies:
        found += set_claims.rights(body, objects.namespace(body) or namespace)
    return found


def _bound(body: Object, namespace: str) -> Sequence[Right]:
    """The role of a binding is read: what it grants decides whether the binding may be made."""
    referred = body.get("roleRef")
    if not isinstance(referred, Mapping) or referred.get("kind") not in grants.KINDS:
        return ()
    kind = grants.KINDS[str(referred["kind"])]
    where = (objects.namespace(body) or namespace) if kind.namespaced else ""
    name = str(referred.get("name", ""))
    return [Right(verb="get", group=grants.GROUP, resource=kind.plural, namespace=where, name=name)]


def touches(bodies: Sequence[Object], namespace: str) -> Reach:
    """The namespaces of the objects, and the places that those objects affect: a Pod with power
    over its node acts on nodes."""
    nodes = any(map(_rules_its_node, bodies))
    return union([*(_touched_by(body, namespace) for body in bodies), Reach(nodes=nodes)])


def _rules_its_node(body: Object) -> bool:
    """Whether Pods of it are privileged, see their node's processes or write to its files."""
    return is_built_in(body) and any(
        spec.get("hostPID") or _is_privileged(spec) or _writes_to_node(spec)
        for _, spec in pod_specs(body.get("spec"))
    )


def _containers(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("initContainers", "containers"):
        yield from (each for each in spec.get(key) or () if isinstance(each, Mapping))


def _is_privileged(spec: Mapping[str, Any]) -> bool:
    found = [each.get("securityContext") or {} for each in _containers(spec)]
    added = {name for each in found for name in (each.get("capabilities") or {}).get("add") or ()}
    return any(each.get("privileged") for each in found) or bool(added & _POWERS)


def _writes_to_node(spec: Mapping[str, Any]) -> bool:
    host = {
        each.get("name")
        for each in spec.get("volumes") or ()
        if isinstance(each, Mapping) and each.get("hostPath")
    }
    mounts = (mount for each in _containers(spec) for mount in each.get("volumeMounts") or ())
    return any(
        mount.get("name") in host and not mount.get("readOnly")
        for mount in mounts
        if isinstance(mount, Mapping)
    )


def _is_cluster_scoped(body: Object) -> bool:
    return is_cluster_scoped(str(body["kind"]), str(body["apiVersion"]))


def _touched_by(body: Object, namespace: str) -> Reach:
    kind, group = str(body["kind"]), str(body["apiVersion"]).rpartition("/")[0]
    if kind == "Namespace" and not group:
        return Reach(namespaces=frozenset({objects.name(body)}), objects=(body,))
    granting = (body,) if group == grants.GROUP and kind in grants.KINDS else ()
    if _is_cluster_scoped(body):
        named = grouped(plural(kind), group)
        if kind == "Node" and not group:
            return Reach(nodes=True)
        return Reach(cluster_scoped=frozenset({named}), objects=granting)
    where = objects.namespace(body) or namespace
    placed = tuple(
        {**each, "metadata": {**each["metadata"], "namespace": where}} for each in granting
    )
    places = {where} | elsewhere(body) | installs_into(body)
    return Reach(namespaces=frozenset(places), objects=placed)
