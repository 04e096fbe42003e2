"""ReplicationControllers, autoscalers without metrics, token Secrets, default ClusterRoles.

Sources: pkg/controller/{replication,podautoscaler,serviceaccount}, rbac/bootstrappolicy.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.conformance.objects import pod, pod_spec, workload
from tests.conformance.wire import Cluster, Obj

RBAC = "/apis/rbac.authorization.k8s.io/v1"
SCALING = "/apis/autoscaling/v2"


def controller(replicas: int = 2, **spec: Any) -> Obj:
    """A ReplicationController; its selector is a plain map."""
    template = {"metadata": {"labels": {"app": "rc"}}, "spec": pod_spec()}
    return {
        "metadata": {"name": "rc"},
        "spec": {"replicas": replicas, "template": template, **spec},
    }


def owned(pods: dict[str, Obj]) -> list[Obj]:
    return [
        found
        for found in pods.values()
        if any(
            o["kind"] == "ReplicationController"
            for o in found["metadata"].get("ownerReferences") or ()
        )
        and "deletionTimestamp" not in found["metadata"]
    ]


def test_a_replication_controller_makes_and_removes_pods(cluster: Cluster) -> None:
    made = cluster.create("replicationcontrollers", controller())
    assert made["spec"]["selector"] == {"app": "rc"}
    cluster.until("pods", lambda pods: len(owned(pods)) == 2)
    cluster.until_one(
        "replicationcontrollers", "rc", lambda rc: rc["status"].get("readyReplicas") == 2
    )
    cluster.patch("replicationcontrollers", "rc", {"spec": {"replicas": 1}})
    cluster.until("pods", lambda pods: len(owned(pods)) == 1)


def test_a_replication_controller_adopts_and_replaces(cluster: Cluster) -> None:
    cluster.create("pods", pod("orphan", app="rc"))
    cluster.create("replicationcontrollers", controller())
    pods = cluster.until("pods", lambda pods: len(owned(pods)) == 2)
    assert "orphan" in {found["metadata"]["name"] for found in owned(pods)}
    cluster.delete("pods", "orphan", gracePeriodSeconds=0)
    cluster.until("pods", lambda pods: len(owned(pods)) == 2 and "orphan" not in pods)


def test_a_replication_controller_is_scaled_by_its_subresource(cluster: Cluster) -> None:
    cluster.create("replicationcontrollers", controller(0))
    path = cluster.path("replicationcontrollers", "rc", "scale")
    scale = cluster.request("GET", path).body
    assert scale["status"]["selector"] == "app=rc"
    scale["spec"] = {"replicas": 1}
    assert cluster.request("PUT", path, scale).status == 200
    cluster.until("pods", lambda pods: len(owned(pods)) == 1)


def test_a_selector_that_does_not_fit_its_template_is_refused(cluster: Cluster) -> None:
    body = cluster.whole("replicationcontrollers", controller(selector={"app": "other"}))
    answer = cluster.request("POST", cluster.path("replicationcontrollers"), body)
    assert answer.status == 422
    assert "`selector` does not match template `labels`" in answer.body["message"]


@pytest.mark.parametrize(
    ("replicas", "wanted"), [(None, 2), (1, 2), (3, 3), (7, 4)], ids=["unset", "low", "in", "high"]
)
def test_an_autoscaler_keeps_its_bounds_without_metrics(
    cluster: Cluster, replicas: int | None, wanted: int
) -> None:
    cluster.create("deployments", workload("web", replicas))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"minReplicas": 2, "maxReplicas": 4, "scaleTargetRef": target}
    body = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web"}, "spec": spec}  # fmt: skip
    path = f"{SCALING}/namespaces/{cluster.namespace}/horizontalpodautoscalers"
    assert cluster.request("POST", path, body).status == 201
    cluster.until_one(
        "deployments", "web", lambda found: found["spec"]["replicas"] == wanted, within=90
    )


def token_secret(name: str, account: str) -> Obj:
    annotations = {"kubernetes.io/service-account.name": account}
    return {
        "metadata": {"name": name, "annotations": annotations},
        "type": "kubernetes.io/service-account-token",
    }


def test_a_token_secret_is_filled_for_its_account(cluster: Cluster) -> None:
    account = cluster.create("serviceaccounts", {"metadata": {"name": "robot"}})
    cluster.create("secrets", token_secret("login", "robot"))
    found = cluster.until_one("secrets", "login", lambda s: "token" in (s.get("data") or {}))
    assert base64.b64decode(found["data"]["namespace"]).decode() == cluster.namespace
    assert "BEGIN CERTIFICATE" in base64.b64decode(found["data"]["ca.crt"]).decode()
    uid = found["metadata"]["annotations"]["kubernetes.io/service-account.uid"]
    assert uid == account["metadata"]["uid"]
    token = base64.b64decode(found["data"]["token"]).decode()
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
              "spec": {"token": token}}  # fmt: skip
    answer = cluster.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
    user = f"system:serviceaccount:{cluster.namespace}:robot"
    assert answer.body["status"]["user"]["username"] == user


def test_a_token_secret_goes_with_its_account(cluster: Cluster) -> None:
    cluster.create("serviceaccounts", {"metadata": {"name": "robot"}})
    cluster.create("secrets", token_secret("login", "robot"))
    cluster.until_one("secrets", "login", lambda s: "token" in (s.get("data") or {}))
    cluster.delete("serviceaccounts", "robot")
    cluster.until_gone("secrets", "login")


@pytest.mark.parametrize(
    "name",
    ["system:auth-delegator", "system:node-proxier", "system:kube-scheduler", "system:monitoring",
     "system:controller:job-controller", "system:service-account-issuer-discovery"],
)  # fmt: skip
def test_every_cluster_has_the_default_roles(cluster: Cluster, name: str) -> None:
    answer = cluster.request("GET", f"{RBAC}/clusterroles/{name}")
    assert answer.status == 200
    assert answer.body["rules"]
