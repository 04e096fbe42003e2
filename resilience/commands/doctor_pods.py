"""`resilience doctor` for helper Pods: checks that the namespaces of the files would admit them.

The API server dry-runs exactly these Pods, so PodSecurity, quotas, limit ranges and admission
webhooks all apply. Nothing is created. A namespace that does not exist yet cannot be checked.
"""

from __future__ import annotations

from resilience.backup.data.helper.helper_pod import helper
from resilience.cluster import helper_pods
from resilience.cluster.errors import ApiError, ClusterError, Forbidden, NotFound
from resilience.cluster.helper_pods import HelperAccess, HelperPod
from resilience.cluster.interface import NAMESPACES, PODS, Cluster, Object
from resilience.engine.guard.limits import PAUSED

Line = tuple[bool | None, str, str]

ENFORCE = "pod-security.kubernetes.io/enforce"


def helpers(cluster: Cluster, namespace: str) -> Line:
    """One namespace."""
    try:
        return _helpers(cluster, namespace)
    except ClusterError as problem:
        return False, "helpers", f"namespace {namespace}: {problem}"


def _helpers(cluster: Cluster, namespace: str) -> Line:
    level, paused = "privileged", ""
    try:
        metadata = cluster.get(NAMESPACES, namespace)["metadata"]
        level = (metadata.get("labels") or {}).get(ENFORCE, level)
        paused = (metadata.get("annotations") or {}).get(PAUSED, "")
    except NotFound:
        return None, "helpers", f"namespace {namespace} does not exist yet"
    except Forbidden:  # no run needs this permission
        level = "not known (the namespace cannot be read)"
    if paused not in ("", "false"):
        return False, "helpers", f"namespace {namespace} is paused ({PAUSED}={paused})"
    refused = _refusal(cluster, _plain(cluster, namespace))
    if refused is None:
        return None, "helpers", f"namespace {namespace}: not checked (no permission to create Pods)"
    if refused:
        return False, "helpers", f"namespace {namespace} refuses probers and canaries: {refused}"
    access = helper_pods.prober_access(cluster.means)
    if refused := _refusal(cluster, _plain(cluster, namespace, access)):
        return False, "helpers", (
            f"namespace {namespace} refuses probers with `real_time_prober = true`: {refused}"
        )  # fmt: skip
    return (*_volumes(cluster, namespace, level),)


def _volumes(cluster: Cluster, namespace: str, level: str) -> Line:
    where = f"namespace {namespace} (PodSecurity: {level})"
    refused_root = _refusal(cluster, _of_volume(cluster, namespace, HelperAccess.FILES))
    if not refused_root and level != "restricted":
        return True, "helpers", f"{where} admits probers, canaries and volume helpers"
    if refused := _refusal(cluster, _of_volume(cluster, namespace, HelperAccess.RESTRICTED)):
        return False, "helpers", f"{where} admits canaries, but no volume helper: {refused}"
    return True, "helpers", (
        f"{where} admits probers and canaries; volume helpers run there as the user of the Pod that"
        " mounts the claim, so files of other users can be neither read nor restored"
    )  # fmt: skip


def _plain(
    cluster: Cluster, namespace: str, access: HelperAccess = HelperAccess.RESTRICTED
) -> Object:
    return HelperPod(
        name="resilience-doctor",
        namespace=namespace,
        purpose="canary",
        command=["python", "-c", ""],
        image=helper_pods.image(cluster),
        access=access,
    ).body()


def _of_volume(cluster: Cluster, namespace: str, access: HelperAccess) -> Object:
    image = helper_pods.image(cluster)
    return helper("doctor", namespace, image=image, run="doctor", writing=True, access=access)


def _refusal(cluster: Cluster, pod: Object) -> str | None:
    """Why the API server would refuse the Pod; "" if it would not, None without permission to
    ask.
    """
    try:
        cluster.create(PODS, pod, pod["metadata"]["namespace"], dry_run=True)
    except Forbidden as problem:
        return None if "cannot create resource" in str(problem) else problem.message
    except ApiError as problem:
        return problem.message
    return ""
