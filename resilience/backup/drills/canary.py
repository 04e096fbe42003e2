"""Does the wall hold? Asked by a Pod inside it, before any workload is let in.

A cluster whose network plugin knows no policies accepts the NetworkPolicy and ignores it. The
canary tries to reach the API server's Service, which is outside the wall; it must fail to, twice in
a row. A plugin may need a moment for a new Pod, so it tries for a while.
"""

from __future__ import annotations

from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import RestoreRefused
from resilience.cluster import helper_pods
from resilience.cluster.helper_pods import HelperPod
from resilience.cluster.interface import PODS, Cluster, Object
from resilience.cluster.stand_in import NOBODY, StandIn

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


def canary(namespace: str, image: str, stands_in: StandIn = NOBODY) -> Object:
    """The Pod."""
    helper = HelperPod(
        name="resilience-canary",
        namespace=namespace,
        purpose="canary",
        command=["python", "-c", _PROGRAM],
        image=image,
        stands_in=stands_in,
    )
    return helper.body()


def require_wall(
    cluster: Cluster,
    namespace: str,
    *,
    clock: Clock,
    helper_image: str = "",
    stands_in: StandIn = NOBODY,
) -> None:
    """`RestoreRefused` unless the canary was kept in. `stands_in` is for the Pods behind it."""
    body = canary(namespace, helper_pods.image(cluster, helper_image), stands_in)
    created = cluster.create(PODS, body, namespace)
    try:
        code = _exit_code(cluster, namespace, clock)
    finally:
        helper_pods.remove(cluster, created)
    if code != _BLOCKED:
        what = "reached the API server" if code == _REACHED else f"ended with {code}"
        raise RestoreRefused(
            f"the canary in {namespace} {what} through the NetworkPolicy: this cluster does not "
            "enforce policies, so a restored copy could reach the real world; nothing was restored"
        )


def _exit_code(cluster: Cluster, namespace: str, clock: Clock) -> int:
    until = clock.monotonic() + _WITHIN
    while True:
        pod = cluster.get(PODS, "resilience-canary", namespace)
        if (code := helper_pods.exit_code(pod)) is not None:
            return code
        if clock.monotonic() >= until or helper_pods.hopeless(pod):
            raise RestoreRefused(
                f"the canary in {namespace} did not end within {_WITHIN:.0f}s: "
                f"{helper_pods.why_not_running(pod)}; without its proof nothing is restored"
            )
        clock.wait(_PAUSE)
