"""Every Pod of this project is admitted where the application is, and takes over what it needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from resilience.backup.data.helper.helper_pod import helper, in_place_of
from resilience.backup.drills.wall.canary import canary
from resilience.cluster import helper_pods
from resilience.cluster.helper_pods import HelperAccess, HelperPod
from resilience.cluster.interface import Means, Object
from resilience.cluster.stand_in import StandIn
from resilience.kube import objects
from resilience.model.values import RunId
from resilience.probes.prober.incluster import Site
from resilience.probes.prober.launch import incluster_helpers
from resilience.probes.prober.program import ASKER

SPEC: dict[str, Any] = {
    "containers": [
        {"name": "log"},
        {
            "name": "db",
            "securityContext": {"runAsUser": 999},
            "volumeMounts": [{"name": "d", "mountPath": "/data"}],
        },
    ],
    "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}],
    "tolerations": [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}],
    "nodeSelector": {"disk": "ssd"},
    "imagePullSecrets": [{"name": "mirror"}],
    "securityContext": {"runAsUser": 5, "fsGroup": 1000, "sysctls": []},
    "serviceAccountName": "mighty",
}


def made(**options: Any) -> Object:
    return HelperPod(name="h", namespace="n", purpose="x", command=["true"], **options).body()


def everything() -> dict[str, Object]:
    site = Site(namespace="shop", name="p1", run=RunId("r1"))
    return {
        "prober": site.pod(3),
        "punctual prober": replace(site, means=Means(real_time_prober=True)).pod(3),
        "prober with a library": replace(site, program=ASKER).pod(3),
        "canary": canary("shop", "python:3"),
        "volume": helper("data", "shop", image="python:3", run="r", writing=False),
        "volume as its user": helper(
            "data", "shop", image="python:3", run="r", writing=True, access=HelperAccess.RESTRICTED
        ),
        "host": made(access=HelperAccess.HOST, node="n1"),
    }


@pytest.mark.parametrize("which", sorted(everything()))
def test_every_helper_states_what_a_quota_counts(which: str) -> None:
    [container] = everything()[which]["spec"]["containers"]
    sizes = container["resources"]
    assert set(sizes["requests"]) == {"cpu", "memory", "ephemeral-storage"}
    held_back = "1" if which == "prober with a library" else "500m"
    more = {"cpu": held_back, "ephemeral-storage": "512Mi"}
    assert sizes["limits"] == {**sizes["requests"], **more}, "at it, a prober sends late"


@pytest.mark.parametrize("which", sorted(everything()))
def test_every_helper_is_marked_as_one_and_mounts_no_token(which: str) -> None:
    pod = everything()[which]
    assert objects.is_ours(pod)
    assert objects.labels(pod)["velero.io/exclude-from-backup"] == "true"
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["activeDeadlineSeconds"] > 0


@pytest.mark.parametrize("which", ["prober", "canary", "volume as its user"])
def test_pod_security_restricted_admits_helpers(which: str) -> None:
    spec = everything()[which]["spec"]
    [container] = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] != 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_volume_helper_may_restore_the_owners_of_files_and_no_more() -> None:
    spec = everything()["volume"]["spec"]
    [container] = spec["containers"]
    assert spec["securityContext"]["runAsUser"] == 0
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    allowed_by_baseline = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP"}
    assert set(container["securityContext"]["capabilities"]["add"]) <= allowed_by_baseline


def test_a_punctual_prober_may_choose_its_priority_and_no_more() -> None:
    spec = everything()["punctual prober"]["spec"]
    [container] = spec["containers"]
    assert spec["securityContext"] == {
        "runAsUser": 0, "runAsGroup": 0, "seccompProfile": {"type": "RuntimeDefault"}
    }  # fmt: skip
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], "add": ["SYS_NICE"]},
    }  # fmt: skip
    assert "hostPID" not in spec


@pytest.mark.parametrize("punctual", [True, False])
def test_the_target_decides_whether_probers_take_a_real_time_priority(punctual: bool) -> None:
    class Somewhere:
        means = Means(real_time_prober=punctual)

    cluster: Any = Somewhere()
    [pod] = incluster_helpers("pod", "shop", cluster, service=False)
    assert ("SYS_NICE" in str(pod)) is punctual


def test_a_helper_takes_over_what_the_volumes_user_needs() -> None:
    pod = made(stands_in=in_place_of(SPEC, "data"))
    assert pod["spec"]["tolerations"] == SPEC["tolerations"]
    assert pod["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert pod["spec"]["imagePullSecrets"] == [{"name": "mirror"}]
    context = pod["spec"]["securityContext"]
    assert (context["runAsUser"], context["fsGroup"]) == (999, 1000)  # the container's own wins
    assert "sysctls" not in context
    assert "serviceAccountName" not in pod["spec"]


def test_a_pinned_helper_is_kept_away_by_no_taint_that_is_newer_than_the_pod() -> None:
    """A cordon, or a taint set after the Pod was scheduled: its volume is there all the same."""
    spec = made(stands_in=StandIn.of(SPEC), node="node-3")["spec"]
    assert {"operator": "Exists", "effect": "NoSchedule"} in spec["tolerations"]
    [term] = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert term["matchFields"][0]["values"] == ["node-3"]
    assert "nodeSelector" not in spec


def test_a_user_who_is_root_is_replaced_where_root_is_forbidden() -> None:
    stands_in = StandIn.of(
        {"containers": [{"name": "a", "securityContext": {"runAsUser": 0}}]}, "a"
    )
    assert made(stands_in=stands_in)["spec"]["securityContext"]["runAsUser"] == 65534


def test_a_prober_runs_beside_the_first_pod_that_is_no_helper() -> None:
    pods = [everything()["canary"], {"metadata": {"name": "db"}, "spec": SPEC}]
    found = StandIn.of_any(pods)
    assert found.tolerations == tuple(SPEC["tolerations"])
    assert found.security == {}
    assert StandIn.of_any(pods[:1]) == StandIn()


def test_the_plans_image_comes_before_the_clusters_and_that_before_the_default() -> None:
    class Somewhere:
        means = Means(helper_image="mirror/python:3")

    cluster: Any = Somewhere()
    assert helper_pods.image(cluster, "own/python:3") == "own/python:3"
    assert helper_pods.image(cluster) == "mirror/python:3"
    cluster.means = Means()
    assert helper_pods.image(cluster) == helper_pods.IMAGE


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Pending", "conditions": [{"message": "0/3 nodes"}]}, "0/3 nodes"),
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]},
            "ErrImagePull",
        ),
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"},
         "Evicted: low on memory"),
        ({}, "no status yet"),
    ],
)  # fmt: skip
def test_what_keeps_a_helper_from_running_is_reported(status: Object, expected: str) -> None:
    assert helper_pods.why_not_running({"status": status}) == expected


@pytest.mark.parametrize(
    ("reason", "message", "hopeless"),
    [
        ("ErrImagePull", 'failed to resolve reference "r/x:1": r/x:1: not found', True),
        ("ErrImagePull", "x509: certificate signed by unknown authority", True),
        ("ErrImagePull", "", True),
        ("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", False),
        ("ErrImagePull", "429 Too Many Requests: toomanyrequests: rate limit", False),
        ("ImagePullBackOff", 'Back-off pulling image "x:1": ErrImagePull: x:1: not found', True),
        ("ImagePullBackOff", 'Back-off pulling image "x:1": ErrImagePull: unexpected EOF', False),
        ("ImagePullBackOff", 'Back-off pulling image "x:1"', False),
        ("ImagePullBackOff", "", False),
        ("CreateContainerConfigError", "failed to sync secret cache: timed out", False),
        ("CreateContainerConfigError", 'secret "x" not found', True),
        ("InvalidImageName", "", True),
        ("ContainerCreating", "", False),
    ],
)
def test_only_what_waiting_cannot_help_is_hopeless(
    reason: str, message: str, hopeless: bool
) -> None:
    waiting = {"reason": reason, "message": message}
    pod = {"status": {"containerStatuses": [{"state": {"waiting": waiting}}]}}
    assert bool(helper_pods.hopeless(pod)) is hopeless


def test_a_helper_that_failed_is_hopeless() -> None:
    assert helper_pods.hopeless({"status": {"phase": "Failed"}})
