"""What `resilience doctor` asks about a cluster and about scenarios: nothing there is changed.

Clock skew decides whether ages, leases and certificates mean what they say. Whether images can be
pulled and policies are enforced is known only by a Pod that tries; what can be seen without one is
said, and that it is no proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from resilience.cluster.errors import ClusterError, NotFound
from resilience.cluster.interface import NAMESPACES, PODS, Cluster, Object
from resilience.cluster.transport import HttpCluster
from resilience.commands import rbac
from resilience.context import Refused
from resilience.engine import guard, preflight
from resilience.engine.limits import PAUSED, Limits
from resilience.model.scenario import Scenario
from resilience.settings import Settings
from resilience.targets import Target

Line = tuple[bool | None, str, str]
"""(good, what, detail); None: it does not matter, or cannot be told."""

SKEW = 5.0
"""Seconds: a Lease of thirty is renewed every ten, and Date is told in whole seconds."""

WAITING = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
ENFORCE = "pod-security.kubernetes.io/enforce"


def clock(cluster: HttpCluster, now: datetime) -> Line:
    """Our clock against the API server's Date."""
    said = cluster.date()
    try:
        skew = (now - parsedate_to_datetime(said)).total_seconds()
    except (TypeError, ValueError):
        return None, "clock", f"the API server says no date ({said!r})"
    ahead = "ahead of" if skew > 0 else "behind"
    return abs(skew) <= SKEW, "clock", f"{abs(skew):.0f} s {ahead} the API server's"


def images(cluster: Cluster, namespace: str) -> Line:
    """Pods that wait for an image now; none of them proves nothing."""
    stuck = [str(pod["metadata"]["name"]) for pod in cluster.list(PODS, namespace) if _waits(pod)]
    if stuck:
        names = ", ".join(stuck[:5])
        return False, "images", f"in namespace {namespace} wait for an image: {names}"
    return None, "images", "nobody waits for one; whether ours can be pulled only a Pod would tell"


def _waits(pod: Object) -> bool:
    states = (pod.get("status") or {}).get("containerStatuses") or ()
    reasons = (((each.get("state") or {}).get("waiting") or {}).get("reason") for each in states)
    return any(reason in WAITING for reason in reasons)


def policies(cluster: Cluster, namespace: str) -> Line:
    """What the namespace demands of Pods."""
    try:
        metadata = cluster.get(NAMESPACES, namespace)["metadata"]
    except NotFound:
        return None, "policies", f"namespace {namespace} does not exist yet"
    level = (metadata.get("labels") or {}).get(ENFORCE, "privileged")
    paused = (metadata.get("annotations") or {}).get(PAUSED)
    if paused and paused != "false":
        return False, "policies", f"namespace {namespace} is paused ({PAUSED}={paused})"
    return None, "policies", (
        f"PodSecurity of {namespace} is {level} (our Pods fit `restricted`); whether"
        " NetworkPolicies are enforced is proven by a drill's canary"
    )  # fmt: skip


def scenarios(
    cluster: HttpCluster, given: Settings, targets: Sequence[Target], paths: Sequence[str]
) -> Iterator[Line]:
    """What each scenario would be refused, if anything."""
    for scenario in rbac.scenarios([Path(path) for path in paths], given):
        try:
            refused(scenario, cluster, given, targets)
        except (Refused, ClusterError) as error:
            yield False, scenario.id, f"refused: {error}"
        else:
            yield True, scenario.id, "nothing would refuse it"


def refused(
    scenario: Scenario, cluster: HttpCluster, given: Settings, targets: Sequence[Target]
) -> None:
    """Raise what a run would meet before it touches anything; locks are not tried."""
    namespace = scenario.namespace or given.namespace
    namespaces, nodes = guard.touched(scenario, namespace)
    guard.consent(cluster, targets, namespaces, nodes=nodes)
    cluster.means = guard.means(cluster, targets)
    target = guard.target_of(cluster, targets)
    Limits(target, cluster, namespace, lambda: datetime.now(UTC).timestamp()).open_now()
    preflight.ask(cluster, scenario, namespace, given.journal_namespace)
