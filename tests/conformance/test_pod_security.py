"""Pod Security Standards by the labels of a namespace.

Source: k8s.io/pod-security-admission; the texts are those of its newest version.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.objects import IMAGE, workload
from tests.conformance.wire import Cluster, Obj

PREFIX = "pod-security.kubernetes.io/"
GOOD: Obj = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def label(cluster: Cluster, **levels: str) -> None:
    labels = {PREFIX + mode: level for mode, level in levels.items()}
    cluster.patch("namespaces", cluster.namespace, {"metadata": {"labels": labels}})


def answer(cluster: Cluster, security: Obj | None = None, **spec: Any) -> tuple[int, str]:
    """The answer to a Pod with one container `c`."""
    container: Obj = {"name": "c", "image": IMAGE, "args": ["pause"]}
    if security is not None:
        container["securityContext"] = security
    body = {"metadata": {"name": "p"}, "spec": {"containers": [container], **spec}}
    found = cluster.request("POST", cluster.path("pods"), cluster.whole("pods", body), dryRun="All")
    return found.status, str(found.body.get("message", ""))


@pytest.mark.parametrize(
    ("security", "spec", "violation"),
    [
        ({"privileged": True}, {},
         'privileged (container "c" must not set securityContext.privileged=true)'),
        (None, {"hostNetwork": True, "hostPID": True},
         "host namespaces (hostNetwork=true, hostPID=true)"),
        (None, {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
         'hostPath volumes (volume "v")'),
        ({"capabilities": {"add": ["SYS_ADMIN"]}}, {},
         'non-default capabilities (container "c" must not include "SYS_ADMIN" in'
         " securityContext.capabilities.add)"),
        ({"seccompProfile": {"type": "Unconfined"}}, {}, 'seccompProfile (container "c"'),
    ],
    ids=["privileged", "host", "path", "capability", "seccomp"],
)  # fmt: skip
def test_the_baseline_level_forbids_host_access(
    cluster: Cluster, security: Obj | None, spec: Obj, violation: str
) -> None:
    label(cluster, enforce="baseline")
    status, message = answer(cluster, security, **spec)
    assert status == 403
    assert f'violates PodSecurity "baseline:latest": {violation}' in message


@pytest.mark.parametrize(
    ("without", "violation"),
    [
        ("allowPrivilegeEscalation",
         'allowPrivilegeEscalation != false (container "c" must set'
         " securityContext.allowPrivilegeEscalation=false)"),
        ("capabilities",
         'unrestricted capabilities (container "c" must set'
         ' securityContext.capabilities.drop=["ALL"])'),
        ("runAsNonRoot",
         'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)'),
        ("seccompProfile",
         'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to'
         ' "RuntimeDefault" or "Localhost")'),
    ],
)  # fmt: skip
def test_the_restricted_level_requires_each_setting(
    cluster: Cluster, without: str, violation: str
) -> None:
    label(cluster, enforce="restricted")
    security = {key: value for key, value in GOOD.items() if key != without}
    status, message = answer(cluster, security)
    assert status == 403
    assert f'violates PodSecurity "restricted:latest": {violation}' in message


def test_a_pod_that_fits_restricted_is_accepted(cluster: Cluster) -> None:
    label(cluster, enforce="restricted")
    assert answer(cluster, GOOD)[0] == 201


def test_a_restriction_of_the_whole_pod_is_enough(cluster: Cluster) -> None:
    label(cluster, enforce="restricted")
    inner = {key: GOOD[key] for key in ("allowPrivilegeEscalation", "capabilities")}
    outer = {key: GOOD[key] for key in ("runAsNonRoot", "runAsUser", "seccompProfile")}
    assert answer(cluster, inner, securityContext=outer)[0] == 201


def test_the_privileged_level_allows_everything(cluster: Cluster) -> None:
    label(cluster, enforce="privileged")
    assert answer(cluster, {"privileged": True}, hostNetwork=True)[0] == 201


def test_a_workload_is_accepted_and_its_pods_are_not(cluster: Cluster) -> None:
    label(cluster, enforce="baseline")
    spec = {"containers": [{"name": "c", "image": IMAGE, "securityContext": {"privileged": True}}]}
    cluster.create("deployments", workload("web", 1, pod=spec))
    found = cluster.until(
        "replicasets",
        lambda sets: any((rs.get("status") or {}).get("conditions") for rs in sets.values()),
    )
    (failed,) = next(iter(found.values()))["status"]["conditions"]
    assert (failed["type"], failed["reason"]) == ("ReplicaFailure", "FailedCreate")
    assert 'violates PodSecurity "baseline:latest"' in failed["message"]
    assert cluster.list("pods") == []


def test_a_warning_names_what_would_be_violated(cluster: Cluster) -> None:
    label(cluster, warn="restricted", enforce="privileged")
    body = cluster.whole("deployments", workload("web", 0))
    found = cluster.request("POST", cluster.path("deployments"), body)
    assert found.status == 201
    assert 'would violate PodSecurity \\"restricted:latest\\"' in found.headers["Warning"]


def test_a_level_that_is_none_is_refused(cluster: Cluster) -> None:
    patch = {"metadata": {"labels": {PREFIX + "enforce": "strict"}}}
    path = cluster.path("namespaces", cluster.namespace)
    found = cluster.request("PATCH", path, patch, content="application/merge-patch+json")
    assert found.status == 422
    assert "must be one of privileged, baseline, restricted" in found.body["message"]
