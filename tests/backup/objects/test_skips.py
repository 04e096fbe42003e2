"""What a restore leaves out, and what looks much like it and comes back."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.objects import skips
from resilience.backup.proof.may_be_absent import why_absent
from resilience.kube.objects import OURS


def thing(api: str, kind: str, **more: Any) -> Any:
    about = {"name": "x", **more.pop("metadata", {})}
    return {"apiVersion": api, "kind": kind, "metadata": about, **more}


def owned(kind: str, api: str = "apps/v1", **more: Any) -> Any:
    return {"ownerReferences": [{"apiVersion": api, "kind": kind, "name": "o", **more}]}


def job(*conditions: tuple[str, str]) -> Any:
    found = [{"type": kind, "status": status} for kind, status in conditions]
    return thing("batch/v1", "Job", status={"conditions": found})


MANAGED = {"labels": {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}}
CHANGED = {"annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "t"}}
SLICED = {"labels": {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}}
MIRRORED = {"labels": {"endpointslice.kubernetes.io/managed-by":
                       "endpointslicemirroring-controller.k8s.io"}}  # fmt: skip
BY_PEOPLE = {"labels": {"endpointslice.kubernetes.io/managed-by": "staff",
                        "endpoints.kubernetes.io/managed-by": "cluster-admins"}}  # fmt: skip


MIRROR = {"annotations": {"kubernetes.io/config.mirror": "hash"}}
GIVEN = {"labels": {"ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"}}
UPDATED = {"annotations": {"apf.kubernetes.io/autoupdate-spec": "true"}}
TAKEN_OVER = {"annotations": {"apf.kubernetes.io/autoupdate-spec": "false"}}
BOOTSTRAP = {"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}
RBAC = "rbac.authorization.k8s.io"
OF_THE_CHART = f"{OURS}:resilience:here:drill"
OWN = "the permissions of these runs themselves: `resilience rbac` prints them"
TOKEN = "kubernetes.io/service-account-token"


def token(
    name: str = "robot-token-x7k2p", kind: str = TOKEN, manager: str = "", applied: bool = False
) -> Any:
    notes = {"kubernetes.io/service-account.name": "robot"}
    notes |= {"kubectl.kubernetes.io/last-applied-configuration": "{}"} if applied else {}
    about: dict[str, Any] = {"name": name, "annotations": notes}
    about |= {"managedFields": [{"manager": manager}]} if manager else {}
    return thing("v1", "Secret", metadata=about, type=kind)


@pytest.mark.parametrize(
    ("rule", "obj", "left_out"),
    [
        ("regrown", thing("apps/v1", "ReplicaSet", metadata=owned("Deployment", controller=True)),
         "recreated by Deployment o"),
        ("regrown", thing("apps/v1", "ReplicaSet", metadata=owned("Deployment")), ""),
        ("regrown", thing("apps/v1", "ReplicaSet",
                          metadata=owned("Rollout", "argoproj.io/v1", controller=True)), ""),
        ("regrown", thing("apps/v1", "ReplicaSet"), ""),
        ("finished", job(("Complete", "True")), "ended: Complete"),
        ("finished", job(("Failed", "True")), "ended: Failed"),
        ("finished", job(("Failed", "False")), ""),
        ("finished", job(("Suspended", "True")), ""),
        ("finished", job(), ""),
        ("finished", thing("batch/v1", "Job"), ""),
        ("finished", thing("batch/v1", "Job", status={}), ""),
        ("finished", thing("v1", "Pod", status={"phase": "Succeeded"}), "ended: Succeeded"),
        ("finished", thing("v1", "Pod", status={"phase": "Running"}), ""),
        ("finished", thing("v1", "PersistentVolumeClaim", status={"phase": "Failed"}), ""),
        ("managed_endpoints", thing("v1", "Endpoints", metadata=MANAGED),
         "managed by the endpoint controllers"),
        ("managed_endpoints", thing("v1", "Endpoints", metadata=CHANGED),
         "managed by the endpoint controllers"),
        ("managed_endpoints", thing("v1", "Endpoints"), ""),
        ("managed_endpoints", thing("v1", "Service", metadata=MANAGED), ""),
        ("managed_endpoints", thing("discovery.k8s.io/v1", "EndpointSlice", metadata=SLICED),
         "managed by the endpoint controllers"),
        ("managed_endpoints", thing("discovery.k8s.io/v1", "EndpointSlice", metadata=MIRRORED),
         "managed by the endpoint controllers"),
        ("managed_endpoints", thing("discovery.k8s.io/v1", "EndpointSlice", metadata=BY_PEOPLE),
         ""),
        ("managed_endpoints", thing("v1", "Endpoints", metadata=BY_PEOPLE), ""),
        ("managed_endpoints", thing("discovery.k8s.io/v1", "EndpointSlice"), ""),
        ("managed_endpoints", thing("discovery.k8s.io/v1", "EndpointSlice", metadata=MANAGED), ""),
        ("automatic", thing("apiregistration.k8s.io/v1", "APIService", metadata={
            "labels": {"kube-aggregator.kubernetes.io/automanaged": "true"}}),
         "managed by the API server itself"),
        ("automatic", thing("apiregistration.k8s.io/v1", "APIService"), ""),
        ("automatic", thing("v1", "ConfigMap", metadata={
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}), ""),
        ("provisioned_volume", thing("v1", "PersistentVolume", spec={
            "persistentVolumeReclaimPolicy": "Retain"}), ""),
        ("provisioned_volume", thing("v1", "PersistentVolume", spec={
            "persistentVolumeReclaimPolicy": "Delete"}), "provisioned again for its claim"),
        ("provisioned_volume", thing("v1", "PersistentVolume"), "provisioned again for its claim"),
        ("provisioned_volume", thing("v1", "PersistentVolumeClaim"), ""),
        ("mirror_pod", thing("v1", "Pod", metadata=MIRROR), "the mirror of a static Pod"),
        ("mirror_pod", thing("v1", "Pod"), ""),
        ("mirror_pod", thing("v1", "ConfigMap", metadata=MIRROR), ""),
        ("account_token", token(), "generated for ServiceAccount robot"),
        ("account_token", token(kind="Opaque"), ""),
        ("account_token", token() | {"kind": "Own"}, ""),
        ("account_token", token(name="robot-login"), ""),
        ("account_token", token(applied=True), ""),
        ("account_token", token(manager="kube-controller-manager"),
         "generated for ServiceAccount robot"),
        ("account_token", token(manager="kubectl-create"), ""),
        ("account_token", thing("v1", "Secret", type=TOKEN), ""),
        ("root_certificate", thing("v1", "ConfigMap", metadata={"name": "kube-root-ca.crt"}),
         "published by the cluster itself"),
        ("root_certificate",
         thing("v1", "ConfigMap", metadata={"name": "openshift-service-ca.crt"}),
         "published by the cluster itself"),
        ("root_certificate", thing("v1", "ConfigMap"), ""),
        ("root_certificate", thing("v1", "Secret", metadata={"name": "kube-root-ca.crt"}), ""),
        ("of_the_moment", thing("v1", "Event"), "describes objects that are gone"),
        ("of_the_moment", thing("events.k8s.io/v1", "Event"), "describes objects that are gone"),
        ("of_the_moment", thing("example.com/v1", "Event"), ""),
        ("of_the_moment", thing("velero.io/v1", "Backup"), "Velero's own bookkeeping"),
        ("automatic", thing(f"{RBAC}/v1", "ClusterRole", metadata=BOOTSTRAP),
         "one of the API server's default roles"),
        ("automatic", thing(f"{RBAC}/v1", "ClusterRole"), ""),
        ("automatic", thing("networking.k8s.io/v1", "ServiceCIDR", metadata={"name": "kubernetes"}),
         "managed by the API server itself"),
        ("automatic", thing("networking.k8s.io/v1", "ServiceCIDR"), ""),
        ("automatic", thing("networking.k8s.io/v1", "Ingress", metadata={"name": "kubernetes"}),
         ""),
        ("automatic", thing("networking.k8s.io/v1", "IPAddress", metadata=GIVEN),
         "managed by the API server itself"),
        ("automatic", thing("networking.k8s.io/v1", "IPAddress"), ""),
        ("automatic", thing("networking.k8s.io/v1", "Ingress", metadata=GIVEN), ""),
        *(
            ("automatic", thing("flowcontrol.apiserver.k8s.io/v1", kind, metadata=about), why)
            for kind in ("FlowSchema", "PriorityLevelConfiguration")
            for about, why in ((UPDATED, "managed by the API server itself"), (TAKEN_OVER, ""))
        ),
        ("automatic", thing("example.com/v1", "FlowSchema", metadata=UPDATED), ""),
        ("of_the_moment", thing("resource.k8s.io/v1", "ResourceSlice"),
         "published by the driver of a device"),
        *(
            ("of_the_moment", thing("certificates.k8s.io/v1", kind),
             "a request, which was answered there")
            for kind in ("CertificateSigningRequest", "PodCertificateRequest")
        ),
        ("of_the_moment", thing("coordination.k8s.io/v1", "LeaseCandidate"),
         "the state of an election"),
        ("of_the_moment", thing("internal.apiserver.k8s.io/v1alpha1", "StorageVersion"),
         "written by each API server about itself"),
        ("own_rights", thing(f"{RBAC}/v1", "Role", metadata={"name": f"{OURS}-journal"}), OWN),
        ("own_rights", thing(f"{RBAC}/v1", "RoleBinding", metadata={"name": OURS}), OWN),
        ("own_rights", thing(f"{RBAC}/v1", "ClusterRole", metadata={"name": f"{OURS}-a"}), OWN),
        ("own_rights", thing(f"{RBAC}/v1", "ClusterRoleBinding", metadata={"name": OURS}), OWN),
        ("own_rights", thing(f"{RBAC}/v1", "Role", metadata={"name": OF_THE_CHART}), OWN),
        ("own_rights", thing(f"{RBAC}/v1", "Role", metadata={"name": f"{OURS}2"}), ""),
        ("own_rights", thing("v1", "Secret", metadata={"name": OURS}), ""),
    ],
)  # fmt: skip
def test_each_clause_of_a_skip_rule_is_needed(rule: str, obj: Any, left_out: str) -> None:
    assert getattr(skips, rule)(obj) == left_out
    if rule in ("automatic", "of_the_moment"):  # the proof says the same by other code
        assert why_absent(obj) == left_out
    if left_out:  # so its rule is among those of its kind
        assert skips.reason_to_skip(obj)


def test_the_first_reason_is_given_and_none_where_the_object_comes_back() -> None:
    ended = thing("v1", "Pod", metadata=owned("ReplicaSet", controller=True),
                  status={"phase": "Failed"})  # fmt: skip
    assert skips.reason_to_skip(ended) == "recreated by ReplicaSet o"
    assert skips.reason_to_skip(thing("v1", "ConfigMap")) == ""


INTERNAL = "openshift.io/internal-registry-auth-token.service-account"


def pull_secret(account: str = "kubernetes.io/service-account.name", **more: Any) -> Any:
    made = token(name="robot-dockercfg-x7k2p", kind="kubernetes.io/dockercfg", **more)
    made["metadata"]["annotations"] = {account: "robot"} | (
        {"kubectl.kubernetes.io/last-applied-configuration": "{}"} if more.get("applied") else {}
    )
    return made


@pytest.mark.parametrize(
    ("obj", "generated"),
    [
        (pull_secret(), True),
        (pull_secret(INTERNAL), True),
        (pull_secret(INTERNAL, manager="openshift-controller-manager"), True),
        (pull_secret(INTERNAL, manager="kubectl-create"), False),
        (pull_secret("note"), False),
        (pull_secret() | {"type": "Opaque"}, False),
        (token(name="robot-pull", kind="kubernetes.io/dockercfg"), False),
    ],
)
def test_registry_credentials_of_an_account_are_made_again(obj: Any, generated: bool) -> None:
    """The proof says the same by other code."""
    assert bool(skips.account_token(obj)) is generated
    assert bool(why_absent(obj)) is generated


@pytest.mark.parametrize("controller", [True, False])
def test_a_device_claim_of_a_pod_is_left_to_the_pod(controller: bool) -> None:
    """As that of a generic ephemeral volume; one that people made is restored."""
    about = owned("Pod", "v1", controller=controller)
    claim = thing("resource.k8s.io/v1", "ResourceClaim", metadata=about)
    assert bool(skips.reason_to_skip(claim)) is controller
    assert bool(why_absent(claim)) is controller
