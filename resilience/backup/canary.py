"""Does the wall hold? Asked by a Pod inside it, before any workload is let in.

A cluster whose network plugin knows no policies accepts the NetworkPolicy and ignores it. The
canary tries to reach the API server's Service, which is outside the wall; it must fail to, twice in
a row. A plugin may need a moment for a new Pod, so it tries for a while. Needs an image with Python
and the right to create Pods.
"""

from __future__ import annotations

from resilience.backup.clock import Clock
from resilience.backup.errors import RestoreRefused
from resilience.cluster.interface import PODS, Cluster, Object

IMAGE = "python:3.12-alpine"
_BLOCKED, _REACHED = 0, 7
_WITHIN = 120.0
_PAUSE = 0.25

PATIENCE = 20
"""Seconds that a policy may take to be in force for a new Pod, once it was accepted."""

_PROGRAM = f"""
import os, socket, sys, time

def gets_out():
    try:
        socket.create_connection((os.environ["KUBERNETES_SERVICE_HOST"],
                                  int(os.environ["KUBERNETES_SERVICE_PORT"])), 2).close()
    except OSError:
        return False
    return True

end, kept = time.monotonic() + {PATIENCE}, 0
while kept < 2:
    if time.monotonic() > end:
        sys.exit({_REACHED})
    kept = 0 if gets_out() else kept + 1
    time.sleep(0.1)
sys.exit({_BLOCKED})
"""


def canary(namespace: str, image: str = IMAGE) -> Object:
    """The Pod; it needs no rights and passes the `restricted` Pod security level."""
    guarded = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "resilience-canary", "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "canary",
                    "image": image,
                    "securityContext": guarded,
                    "command": ["python", "-c", _PROGRAM],
                }
            ],
        },
    }


def require_wall(cluster: Cluster, namespace: str, *, clock: Clock) -> None:
    """`RestoreRefused` unless the canary was kept in."""
    created = cluster.create(PODS, canary(namespace), namespace)
    try:
        code = _exit_code(cluster, namespace, clock)
    finally:
        cluster.delete(
            PODS, "resilience-canary", namespace, grace=0, uid=created["metadata"]["uid"]
        )
    if code != _BLOCKED:
        what = "reached the API server" if code == _REACHED else f"ended with {code}"
        raise RestoreRefused(
            f"the canary in {namespace} {what} through the NetworkPolicy: this cluster does not "
            "enforce policies, so a restored copy could reach the real world; nothing was restored"
        )


def _exit_code(cluster: Cluster, namespace: str, clock: Clock) -> int:
    until = clock.monotonic() + _WITHIN
    while True:
        status = cluster.get(PODS, "resilience-canary", namespace).get("status") or {}
        for each in status.get("containerStatuses") or ():
            if ended := (each.get("state") or {}).get("terminated"):
                return int(ended["exitCode"])
        if clock.monotonic() >= until:
            raise RestoreRefused(
                f"the canary in {namespace} did not end within {_WITHIN:.0f}s "
                f"({status.get('phase', 'no status')}); without its proof nothing is restored"
            )
        clock.wait(_PAUSE)
