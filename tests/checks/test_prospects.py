"""Which states can change by themselves, in the words of kubelets, schedulers and API servers."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.checks import prospects
from resilience.checks.prospects import AT_ONCE, OTHERS, Stuck
from resilience.cluster.interface import Object

NODES = "0/3 nodes are available: "
NOT_HELPFUL = " preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."


def waiting(
    reason: str, message: str = "", last: str = "", field: str = "containerStatuses"
) -> Object:
    status: dict[str, Any] = {"state": {"waiting": {"reason": reason, "message": message}}}
    if last:
        status["lastState"] = {"terminated": {"reason": "StartError", "message": last}}
    return {"status": {"phase": "Pending", field: [status]}}


def unscheduled(message: str) -> Object:
    condition = {"type": "PodScheduled", "status": "False", "message": message}
    return {"status": {"phase": "Pending", "conditions": [condition]}}


def outcome(stuck: Stuck | None) -> float | None:
    return stuck.after if stuck else None


@pytest.mark.parametrize(
    ("reason", "message", "after"),
    [
        ("InvalidImageName", "couldn't parse image name", AT_ONCE),
        ("ErrImageNeverPull", "is not present with pull policy of Never", AT_ONCE),
        ("ErrImagePull", 'failed to resolve reference "r/x:1": r/x:1: not found', OTHERS),
        ("ErrImagePull", "manifest for nginx:1.99 not found: manifest unknown", OTHERS),
        (
            "ImagePullBackOff",
            "pull access denied, repository does not exist or may require",
            OTHERS,
        ),
        ("ErrImagePull", "failed to authorize: 401 Unauthorized", OTHERS),
        ("ErrImagePull", "no match for platform in manifest: not found", OTHERS),
        ("ErrImagePull", "429 Too Many Requests: toomanyrequests: rate limit", None),
        ("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", None),
        ("ErrImagePull", "dial tcp: lookup registry.local: no such host", None),
        ("ErrImagePull", "unexpected status from HEAD request: 503 Service Unavailable", None),
        ("ErrImagePull", "read: connection reset by peer", None),
        ("ImagePullBackOff", 'Back-off pulling image "x"', None),
        ("CreateContainerConfigError", 'secret "db" not found', OTHERS),
        ("CreateContainerConfigError", "couldn't find key password in Secret shop/db", OTHERS),
        ("CreateContainerConfigError", 'configmap "settings" not found', OTHERS),
        (
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root",
            AT_ONCE,
        ),
        (
            "CreateContainerConfigError",
            "container's runAsUser breaks non-root policy",
            AT_ONCE,
        ),
        ("CreateContainerConfigError", "failed to sync secret cache: timed out", None),
        ("CrashLoopBackOff", "back-off 10s restarting failed container", None),
        ("ContainerCreating", "", None),
        ("PodInitializing", "", None),
    ],
)
def test_the_reason_of_a_waiting_container_says_whether_it_can_recover(
    reason: str, message: str, after: float | None
) -> None:
    for field in ("containerStatuses", "initContainerStatuses"):
        assert outcome(prospects.of_pod(waiting(reason, message, field=field))) == after


def test_nobody_is_sent_to_push_an_image_to_a_sandbox() -> None:
    real = prospects.of_pod(waiting("ErrImagePull", "pull access denied"))
    mapped = prospects.of_pod(
        waiting("ErrImagePull", "image r/x:1 not found: the sandbox has python")
    )
    assert real is not None
    assert real.remedy.startswith("push the image")
    assert mapped is not None
    assert mapped.remedy == "correct the image's name, or map it"


def test_a_back_off_that_does_not_repeat_why_is_what_it_was_before() -> None:
    first = prospects.of_pod(waiting("ErrImagePull", "r/x:1: not found"))
    again = waiting("ImagePullBackOff", 'Back-off pulling image "r/x:1"')
    assert prospects.of_pod(again, first) == first
    assert prospects.of_pod(waiting("ImagePullBackOff", "i/o timeout"), first) is None


def test_a_program_that_the_image_lacks_is_no_crash() -> None:
    missing = 'runc create failed: exec: "srv": executable file not found in $PATH: unknown'
    assert outcome(prospects.of_pod(waiting("CrashLoopBackOff", "back-off 10s", missing))) == OTHERS
    assert (
        prospects.of_pod(waiting("CrashLoopBackOff", "back-off 10s", "panic: no database")) is None
    )


@pytest.mark.parametrize(
    ("reasons", "remedy"),
    [
        ("3 Insufficient cpu", "request less in the Pod, or add a node that fits"),
        ("3 node(s) didn't match Pod's node affinity/selector",
         "correct nodeSelector or nodeAffinity, or add a node that fits"),
        ("1 node(s) had untolerated taint {gpu: }, 2 Insufficient memory",
         "add a toleration, request less in the Pod, or add a node that fits"),
        ("3 node(s) didn't match pod topology spread constraints (missing required label)",
         "correct topologySpreadConstraints, or add a node that fits"),
        ("3 node(s) were too odd", "add a node that fits"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("between", ["", " no new claims to deallocate,"])
def test_what_to_change_goes_by_what_the_nodes_lack(
    reasons: str, remedy: str, between: str
) -> None:
    found = prospects.of_scheduling(f"{NODES}{reasons}.{between}{NOT_HELPFUL}")
    assert found is not None
    assert found.remedy == remedy


@pytest.mark.parametrize(
    ("message", "after"),
    [
        (NODES + "3 node(s) didn't match Pod's node affinity/selector." + NOT_HELPFUL,
         OTHERS),
        ("0/3 nodes are available: 1 node(s) had untolerated taint"
         " {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't match Pod's node"
         " affinity/selector." + NOT_HELPFUL, OTHERS),
        (NODES + "3 Insufficient cpu." + NOT_HELPFUL, OTHERS),  # larger than any
        (NODES + "3 node(s) had volume node affinity conflict." + NOT_HELPFUL, OTHERS),
        ('0/3 nodes are available: persistentvolumeclaim "data" not found.' + NOT_HELPFUL, OTHERS),
        ("0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available:"
         " 3 No preemption victims found for incoming pod.", None),
        ("0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node"
         " affinity/selector." + NOT_HELPFUL, None),
        ("0/3 nodes are available: 3 node(s) had untolerated taint"
         " {node.kubernetes.io/not-ready: }." + NOT_HELPFUL, None),
        (NODES + "3 node(s) had untolerated taint(s)." + NOT_HELPFUL, None),
        (NODES + "pod has unbound immediate PersistentVolumeClaims." + NOT_HELPFUL,
         None),
        ("0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector,"
         " 2 Insufficient cpu. preemption: 0/3 nodes are available: 1 Preemption is not"
         " helpful for scheduling, 2 No preemption victims found for incoming pod.", None),
        ("no nodes available to schedule pods", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_pod_without_a_node(message: str, after: float | None) -> None:
    assert outcome(prospects.of_pod(unscheduled(message))) == after


@pytest.mark.parametrize(
    ("message", "after"),
    [
        ('pods "web-" is forbidden: failed quota: q: must specify limits.cpu for: c', AT_ONCE),
        ('pods "web-" is forbidden: exceeded quota: q, requested: limits.memory=4Gi,'
         " used: limits.memory=0, limited: limits.memory=2Gi", AT_ONCE),
        ('pods "web-" is forbidden: exceeded quota: q, requested: pods=1, used: pods=6,'
         " limited: pods=6", None),
        ('pods "web-" is forbidden: exceeded quota: q, requested: requests.cpu=500m,pods=1,'
         " used: requests.cpu=2,pods=6, limited: requests.cpu=2,pods=10", None),
        ('pods "web-" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
         AT_ONCE),
        ('pods "web-" is forbidden: error looking up service account shop/app: serviceaccount "app"'
         " not found", OTHERS),
        ('pods "web-" is forbidden: maximum memory usage per Container is 64Mi, but limit is 1Gi',
         AT_ONCE),
        ('pods "web-" is forbidden: [minimum cpu usage per Pod is 1, but request is 100m, cpu max'
         " limit to request ratio per Pod is 2, but provided ratio is 4.000000]", AT_ONCE),
        ("create Claim data-db-0 for Pod db-0 in StatefulSet db failed error:"
         ' persistentvolumeclaims "data-db-0" is forbidden: maximum storage usage per'
         " PersistentVolumeClaim is 1Gi, but request is 5Gi", AT_ONCE),
        ('admission webhook "policy.example.com" denied the request: no latest tag', OTHERS),
        ('Pod "web-" is invalid: spec.containers[0].image: Required value', AT_ONCE),
        ('pods "web-" is forbidden: no PriorityClass with name high was found', OTHERS),
        ('Internal error occurred: failed calling webhook "v": connection refused', None),
        ("etcdserver: request timed out", None),
    ],
)  # fmt: skip
def test_a_pod_that_is_not_admitted(message: str, after: float | None) -> None:
    assert outcome(prospects.of_creation(message)) == after


@pytest.mark.parametrize(
    ("message", "after"),
    [
        ('MountVolume.SetUp failed for volume "tls" : secret "tls" not found', OTHERS),
        ('MountVolume.SetUp failed for volume "c" : configmap "c" not found', OTHERS),
        ('MountVolume.SetUp failed for volume "c" : configmap references non-existent key: k',
         OTHERS),
        ("Unable to attach or mount volumes: timed out waiting for the condition", None),
        ('MountVolume.SetUp failed: failed to sync configmap cache: timed out', None),
    ],
)  # fmt: skip
def test_a_volume_that_is_not_mounted(message: str, after: float | None) -> None:
    assert outcome(prospects.of_mount(message)) == after


def test_each_remedy_is_one_line_and_names_what_to_do() -> None:
    stuck = [rule.stuck for rule in prospects._WAITING] + [each for _, each in prospects._CREATION]
    assert all(each.remedy and "\n" not in each.remedy for each in stuck)


DB = {"kind": "StatefulSet", "metadata": {"name": "db", "uid": "set"}, "spec": {"replicas": 2}}


def of_set(name: str, owner: str = "", **more: Any) -> Object:
    owners = [{"uid": owner, "controller": True}] if owner else []
    return {"metadata": {"name": name, "namespace": "shop", "ownerReferences": owners, **more}}


@pytest.mark.parametrize(
    ("pod", "spec", "is_in_the_way"),
    [
        (of_set("db-1"), {}, True),
        (of_set("db-1", "another"), {}, True),
        (of_set("db-1", "set"), {}, False),
        (of_set("db-2"), {}, False),
        (of_set("web-1"), {}, False),
        (of_set("db-1", deletionTimestamp="2026-01-01T00:00:00Z"), {}, False),
        (of_set("db-2"), {"ordinals": {"start": 1}}, True),
        (of_set("db-0"), {"ordinals": {"start": 1}}, False),
    ],
)
def test_who_has_the_name_of_a_statefulsets_pod_keeps_it_from_being_created(
    pod: Object, spec: dict[str, Any], is_in_the_way: bool
) -> None:
    owner = {**DB, "spec": {**DB["spec"], **spec}}  # type: ignore[dict-item]
    assert bool(prospects.in_the_way(owner, [pod])) is is_in_the_way


@pytest.mark.parametrize(
    ("kept", "after", "text"),
    [
        (True, AT_ONCE, "shop/db-1 is quarantined and keeps its name until the undo, and "
         "statefulset/db creates no other Pod of that name: use `kill`"),
        (False, OTHERS, "shop/db-1 exists without belonging to statefulset/db, and statefulset/db "
         "creates no other Pod of that name: delete it"),
    ],
)  # fmt: skip
def test_a_quarantined_pod_keeps_its_name_for_good_and_another_may_be_deleted(
    kept: bool, after: float, text: str
) -> None:
    found = prospects.of_name(DB, of_set("db-1"), kept=kept)
    assert found.after == after
    assert found.remedy.startswith(text)


@pytest.mark.parametrize(
    ("kind", "condition", "reason", "advice"),
    [
        ("Job", "Failed", "BackoffLimitExceeded", True),
        ("Job", "FailureTarget", "BackoffLimitExceeded", True),
        ("Job", "Failed", "MaxFailedIndexesExceeded", True),
        ("Job", "Failed", "DeadlineExceeded", False),
        ("Job", "Complete", "CompletionsReached", None),
        ("Deployment", "Failed", "BackoffLimitExceeded", None),
    ],
)
def test_a_failed_job_is_final_and_told_how_lost_pods_count(
    kind: str, condition: str, reason: str, advice: bool | None
) -> None:
    conditions = [{"type": condition, "status": "True", "reason": reason, "message": "too often"}]
    found = prospects.of_job(
        {"kind": kind, "metadata": {"name": "work"}, "status": {"conditions": conditions}}
    )
    assert (found is None) is (advice is None)
    if found:
        assert found.remedy.startswith("job/work has failed for good: too often")
        assert ("DisruptionTarget" in found.remedy) is advice
        assert found.after == AT_ONCE
