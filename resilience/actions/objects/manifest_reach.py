"""Where the objects of a manifest act, and the permissions that `apply` needs for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resilience.actions.shared.kinds import is_cluster_scoped, plural
from resilience.actions.undo import set_claims, stuck_pods
from resilience.backup.restore.node_power import rules_nodes
from resilience.cluster.interface import Object, grouped
from resilience.cluster.permit import grants, namespace_kinds
from resilience.cluster.permit.acts_elsewhere import elsewhere, installs_into
from resilience.kube import objects
from resilience.model.step_reach import LEADING, Reach, union
from resilience.model.verb import Right


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
    """To delete a namespace once no one else uses it, and claims and stuck Pods of a
    StatefulSet."""
    spaces = [body for body in bodies if body["kind"] == "Namespace" and body["apiVersion"] == "v1"]
    found = [
        right
        for name in sorted(map(objects.name, spaces))
        for right in namespace_kinds.rights(name)
    ]
    for body in bodies:
        where = objects.namespace(body) or namespace
        found += [*set_claims.rights(body, where), *stuck_pods.rights(body, where)]
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
    over its node acts on nodes, and so does what takes an address or a place on all of them."""
    nodes = any(map(rules_nodes, bodies))
    return union([*(_touched_by(body, namespace) for body in bodies), Reach(nodes=nodes)])


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
    noted = ((body,) if kind in LEADING else ()) + granting
    placed = tuple({**each, "metadata": {**each["metadata"], "namespace": where}} for each in noted)
    places = {where} | elsewhere(body) | installs_into(body)
    return Reach(namespaces=frozenset(places), objects=placed)
