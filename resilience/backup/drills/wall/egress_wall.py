"""The NetworkPolicy that lets nothing out of a scratch namespace."""

from __future__ import annotations

from contextlib import suppress

from resilience.backup.format.errors import NoWall
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import (
    POLICIES,
    Cluster,
    Object,
)

WALL = "resilience-drill"
_FINALIZER = "resilience/wall"


def wall(namespace: str) -> Object:
    """Egress: to Pods of the namespace and to port 53. Ingress: from everywhere, because probes
    must reach it."""
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": WALL, "namespace": namespace},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": {}}]}, {"ports": dns}],
        },
    }


def require_standing(cluster: Cluster, name: str) -> None:
    """`NoWall` unless the wall is unchanged."""
    try:
        found = cluster.get(POLICIES, WALL, name).get("spec")
    except NotFound:
        found = None
    if found != wall(name)["spec"]:
        raise NoWall(
            f"NetworkPolicy {name}/{WALL}, the drill's wall, was changed or deleted during the "
            "drill; the restored copy may have reached other systems"
        )


def keep(cluster: Cluster, name: str) -> None:
    """Let the wall outlive the deletion of everything else in the namespace."""
    _finalized_by(cluster, name, [_FINALIZER])


def let_go(cluster: Cluster, name: str) -> None:
    """Let the namespace controller delete the wall."""
    _finalized_by(cluster, name, None)


def _finalized_by(cluster: Cluster, name: str, finalizers: list[str] | None) -> None:
    body = {"metadata": {"finalizers": finalizers}}
    with suppress(NotFound):  # the wall does not exist yet, or no longer
        cluster.patch(POLICIES, WALL, body, name)
