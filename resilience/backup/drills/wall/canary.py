"""Whether the wall holds: Pods inside it try to get out before any workload is created.

Each canary tries to reach the API server's Service, which is outside of the wall, and must fail.
One without labels runs while the namespace is empty. One that imitates each workload (its labels
and account) runs once the restored policies exist and before any workload does. The canaries belong
to the drill's Lease, so that no controller adopts them, and are never ready, so that no Service
sends them traffic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from resilience.backup.drills.wall.canary_guises import PLAIN, Guise
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import NoWall
from resilience.cluster import helper_pods, wall_canary
from resilience.cluster.helper_pods import HelperPod
from resilience.cluster.interface import LEASES, PODS, Cluster, Object
from resilience.cluster.stand_in import NOBODY, StandIn

NAME = "resilience-canary"
_WITHIN = 120.0
_PAUSE = 0.25
_AT_ONCE = 8
_NEVER_READY = [{"conditionType": "resilience/never-ready"}]


def canary(
    namespace: str,
    image: str,
    stands_in: StandIn = NOBODY,
    guise: Guise = PLAIN,
    owner: Object | None = None,
    number: int = 0,
) -> Object:
    """The Pod. `owner` is the drill's Lease."""
    body = HelperPod(
        name=f"{NAME}-{number}" if number else NAME,
        namespace=namespace,
        purpose="canary",
        command=wall_canary.command(
            "$KUBERNETES_SERVICE_HOST", "$KUBERNETES_SERVICE_PORT", control=False
        ),
        image=image,
        stands_in=stands_in,
    ).body()
    if guise != PLAIN:
        body["metadata"]["labels"] |= dict(guise.labels)
        body["spec"]["readinessGates"] = _NEVER_READY
    if guise.account:
        body["spec"]["serviceAccountName"] = guise.account
    if owner:
        metadata = owner["metadata"]
        body["metadata"]["ownerReferences"] = [
            {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "name": metadata["name"],
                "uid": metadata["uid"],
                "controller": True,
            }
        ]
    return body


def require_wall(
    cluster: Cluster,
    namespace: str,
    *,
    clock: Clock,
    helper_image: str = "",
    stands_in: StandIn = NOBODY,
    guises: Sequence[Guise] = (PLAIN,),
    owner: Object | None = None,
) -> None:
    """`NoWall` unless every canary was kept in. `stands_in` describes the Pods behind the wall."""
    image = helper_pods.image(cluster, helper_image)
    bodies = (
        (guise, canary(namespace, image, stands_in, guise, owner, number))
        for number, guise in enumerate(guises)
    )
    while batch := list(islice(bodies, _AT_ONCE)):
        made: list[Object] = []
        try:
            for _, body in batch:
                made.append(cluster.create(PODS, body, namespace))
            for guise, pod in zip((guise for guise, _ in batch), made, strict=True):
                _require_kept_in(cluster, pod, guise, clock)
        finally:
            for pod in made:
                helper_pods.remove(cluster, pod)


def _require_kept_in(cluster: Cluster, pod: Object, guise: Guise, clock: Clock) -> None:
    code = _exit_code(cluster, pod, clock)
    if code == wall_canary.SHUT:
        return
    namespace, whose = pod["metadata"]["namespace"], " ".join(_whose(guise))
    if code == wall_canary.STILL_OPEN and guise == PLAIN:
        raise NoWall(
            f"the canary in {namespace} reached the API server through the drill's NetworkPolicy: "
            f"{wall_canary.NOT_ENFORCED}. A restored copy could reach other systems; nothing was "
            "restored"
        )
    what = "reached the API server" if code == wall_canary.STILL_OPEN else f"ended with {code}"
    raise NoWall(
        f"the canary in {namespace}{whose} {what}: another policy allows these Pods connections "
        "that the drill's NetworkPolicy forbids. No workload was created; look for cluster-wide "
        "policies that "
        "select them"
    )


def _whose(guise: Guise) -> Iterator[str]:
    if guise.labels:
        yield " with the labels " + ",".join(f"{key}={value}" for key, value in guise.labels)
    if guise.account:
        yield f" of ServiceAccount {guise.account}"


def _exit_code(cluster: Cluster, created: Object, clock: Clock) -> int:
    until = clock.monotonic() + _WITHIN
    name, namespace = created["metadata"]["name"], created["metadata"]["namespace"]
    while True:
        pod = cluster.get(PODS, name, namespace)
        if (code := helper_pods.exit_code(pod)) is not None:
            return code
        hopeless = helper_pods.hopeless(pod)
        if clock.monotonic() >= until or hopeless:
            ended = "cannot run" if hopeless else f"did not end within {_WITHIN:.0f}s"
            raise NoWall(
                f"the canary {namespace}/{name} {ended}: {helper_pods.why_not_running(pod)}; "
                "nothing is restored without its proof"
            )
        clock.wait(_PAUSE)
