"""The checks of `resilience doctor` on a cluster and on scenarios; they change nothing.

Ages, leases and certificates can be trusted only if the clocks agree. Whether an image can be
pulled is known only once a Pod tries; facts visible without one are reported, but prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from resilience.cluster import helper_pods
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import PODS, Cluster, Object
from resilience.cluster.transport import HttpCluster
from resilience.commands import doctor_drains, rbac
from resilience.config.settings import Settings
from resilience.config.targets import Target
from resilience.engine.guard import consent, preflight
from resilience.engine.guard.limits import Limits
from resilience.engine.plan.scenario_reach import of_scenario
from resilience.kube import objects
from resilience.kube.clock import of_header
from resilience.model.scenario import Scenario
from resilience.verbs.context import Refused

Line = tuple[bool | None, str, str]
"""(good, what, detail); None: not relevant, or unknown."""

SKEW = 5.0
"""Tolerated clock skew in seconds: a 30-second Lease is renewed every 10, and the Date header has
whole seconds."""

WAITING = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})


def clock(cluster: HttpCluster, now: datetime) -> Line:
    """The local clock against the API server's Date."""
    said = cluster.date()
    if (server := of_header(said)) is None:
        return None, "clock", f"the API server sent no usable Date ({said!r})"
    skew = now.timestamp() - server
    ahead = "ahead of" if skew > 0 else "behind"
    return abs(skew) <= SKEW, "clock", f"{abs(skew):.0f} s {ahead} the API server's"


def images(cluster: Cluster, namespace: str) -> Line:
    """Pods that wait for an image now; finding none proves nothing."""
    stuck = [str(pod["metadata"]["name"]) for pod in cluster.list(PODS, namespace) if _waits(pod)]
    if stuck:
        names = ", ".join(stuck[:5])
        return False, "images", f"in namespace {namespace} Pods wait for an image: {names}"
    wanted = helper_pods.image(cluster)
    return None, "images", (
        f"no Pod in namespace {namespace} waits for one; whether {wanted} (helper_image) can be"
        " pulled is known once a helper starts"
    )  # fmt: skip


def _waits(pod: Object) -> bool:
    states = objects.container_statuses(pod)
    reasons = (((each.get("state") or {}).get("waiting") or {}).get("reason") for each in states)
    return any(reason in WAITING for reason in reasons)


def namespaces(given: Settings, paths: Sequence[str]) -> Sequence[str]:
    """The namespaces that the files act in; without files, the default one."""
    found = set[str]()
    for scenario in rbac.scenarios([Path(path) for path in paths], given) if paths else ():
        found.update(of_scenario(scenario, scenario.namespace or given.namespace).namespaces)
    return sorted(found) or [given.namespace]


def scenarios(
    cluster: HttpCluster, given: Settings, targets: Sequence[Target], paths: Sequence[str]
) -> Iterator[Line]:
    """For each scenario, what would be refused."""
    for scenario in rbac.scenarios([Path(path) for path in paths], given):
        try:
            refused(scenario, cluster, given, targets)
        except consent.NoConsent:
            yield False, scenario.id, "refused: no consent to its namespaces; see `consent` above"
        except (Refused, ClusterError) as error:
            yield False, scenario.id, f"refused: {error}"
        else:
            yield True, scenario.id, "nothing would be refused"
            yield from doctor_drains.system_pods(scenario, cluster, given, targets)


def refused(
    scenario: Scenario, cluster: HttpCluster, given: Settings, targets: Sequence[Target]
) -> None:
    """Raise what would refuse a run before it touches anything; locks are not tried."""
    namespace = scenario.namespace or given.namespace
    touched = of_scenario(scenario, namespace)
    if not touched:
        return
    agreed = consent.consent_to(cluster, targets, touched)
    wall = datetime.now(UTC).timestamp
    Limits(agreed.target, cluster, {namespace}, wall, server=cluster.now).open_now()
    asking = agreed.given_to(cluster, "doctor")
    preflight.ask(asking, scenario, namespace, given.journal_namespace)
