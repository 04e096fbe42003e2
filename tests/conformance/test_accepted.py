"""What Kubernetes accepts and refuses in the manifests people write, whatever created them.

Sources: pkg/apis/{apps,core}/validation, sigs.k8s.io/json.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.conformance.objects import pod, pod_spec, workload
from tests.conformance.wire import Cluster, Obj

CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}},
}


def with_mount(mount: str = "data", claim: str = "data", **pod_fields: Any) -> Obj:
    """A StatefulSet of no Pods whose container mounts `mount`."""
    spec = pod_spec(**pod_fields)
    spec["containers"][0]["volumeMounts"] = [{"name": mount, "mountPath": "/data"}]
    claims = [{**CLAIM, "metadata": {"name": claim}}]
    return workload("db", 0, pod=spec, serviceName="db", volumeClaimTemplates=claims)


def answer_to(cluster: Cluster, plural: str, body: Obj) -> tuple[int, str]:
    answer = cluster.request("POST", cluster.path(plural), cluster.whole(plural, body))
    return answer.status, str(answer.body.get("message", ""))


def test_a_stateful_set_mounts_its_claim_template(cluster: Cluster) -> None:
    assert answer_to(cluster, "statefulsets", with_mount())[0] == 201


def test_a_claim_template_takes_the_place_of_a_volume_of_its_name(cluster: Cluster) -> None:
    volumes = [{"name": "data", "emptyDir": {}, "hostPath": {"path": "/x"}}]
    assert answer_to(cluster, "statefulsets", with_mount(volumes=volumes))[0] == 201


def test_a_mount_of_neither_volume_nor_claim_is_refused(cluster: Cluster) -> None:
    status, message = answer_to(cluster, "statefulsets", with_mount("other"))
    assert status == 422
    field = "spec.template.spec.containers[0].volumeMounts[0].name"
    assert f'{field}: Not found: "other"' in message


def test_a_deployment_has_no_claims_to_mount(cluster: Cluster) -> None:
    spec = pod_spec()
    spec["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    assert answer_to(cluster, "deployments", workload("db", 0, pod=spec))[0] == 422


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_base64_with_line_ends_is_read_and_kept_without(cluster: Cluster, ends: str) -> None:
    wrapped = base64.encodebytes(bytes(range(200))).decode().replace("\n", ends)
    made = cluster.create("secrets", {"metadata": {"name": "a"}, "data": {"key": wrapped}})
    assert made["data"]["key"] == base64.b64encode(bytes(range(200))).decode()
    made = cluster.create("configmaps", {"metadata": {"name": "a"}, "binaryData": {"k": wrapped}})
    assert base64.b64decode(made["binaryData"]["k"], validate=True) == bytes(range(200))


@pytest.mark.parametrize("text", ["Zm9v YmFy", "Zm9vYg", "Zm9v\tYmFy", "Zm9v=YmFy", "#"])
def test_base64_that_go_does_not_read_is_refused(cluster: Cluster, text: str) -> None:
    status, message = answer_to(
        cluster, "secrets", {"metadata": {"name": "a"}, "data": {"k": text}}
    )
    assert status == 400
    assert "illegal base64 data" in message


def test_ephemeral_containers_have_their_own_door(cluster: Cluster) -> None:
    body = pod("debugged")
    body["spec"]["ephemeralContainers"] = [{"name": "d", "image": "x"}]
    status, message = answer_to(cluster, "pods", body)
    assert status == 422
    assert "spec.ephemeralContainers: Forbidden: cannot be set on create" in message


def test_ephemeral_containers_are_in_no_template(cluster: Cluster) -> None:
    spec = {**pod_spec(), "ephemeralContainers": [{"name": "d", "image": "x"}]}
    status, message = answer_to(cluster, "deployments", workload("debugged", 0, pod=spec))
    assert status == 422
    assert "ephemeral containers not allowed in pod template" in message


def event(cluster: Cluster, namespace: str | None, **fields: Any) -> Obj:
    about = {"kind": "Pod", "name": "p", **({} if namespace is None else {"namespace": namespace})}
    return {"metadata": {"name": "e"}, "involvedObject": about, "reason": "R", **fields}


@pytest.mark.parametrize("namespace", ["kube-system", None])
def test_an_event_is_in_its_objects_namespace(cluster: Cluster, namespace: str | None) -> None:
    status, message = answer_to(cluster, "events", event(cluster, namespace))
    assert status == 422
    assert "involvedObject.namespace" in message
    assert "does not match event.namespace" in message


def test_an_event_about_an_object_beside_it_is_kept(cluster: Cluster) -> None:
    assert answer_to(cluster, "events", event(cluster, cluster.namespace))[0] == 201


def test_every_json_answer_ends_with_a_newline(cluster: Cluster) -> None:
    for path in (cluster.path("configmaps", "none"), cluster.path("configmaps"), "/api/v1"):
        assert cluster.text("GET", path).endswith("}\n")


def test_openapi_v2_has_a_definition_of_every_kind(cluster: Cluster) -> None:
    definitions = cluster.request("GET", "/openapi/v2").body["definitions"].values()
    kinds = {
        (mark["group"], mark["version"], mark["kind"])
        for schema in definitions
        for mark in schema.get("x-kubernetes-group-version-kind") or ()
    }
    assert {("", "v1", "Pod"), ("apps", "v1", "Deployment"), ("batch", "v1", "Job")} <= kinds


@pytest.mark.parametrize("name", ["foo-", "Bar", "a..b", "-x"])
def test_a_sysctl_that_is_none_is_refused(cluster: Cluster, name: str) -> None:
    body = pod("p")
    body["spec"]["securityContext"] = {"sysctls": [{"name": name, "value": "1"}]}
    status, message = answer_to(cluster, "pods", body)
    assert status == 422
    assert "spec.securityContext.sysctls[0].name: Invalid value" in message


def test_a_review_is_no_table(cluster: Cluster) -> None:
    kind = "SelfSubjectAccessReview"
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind,
            "spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}  # fmt: skip
    found = cluster.request(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body,
        accept="application/json;as=Table;v=v1;g=meta.k8s.io",
    )  # fmt: skip
    assert (found.status, found.body["reason"]) == (406, "NotAcceptable")


def test_the_range_of_service_addresses_is_published(cluster: Cluster) -> None:
    found = cluster.request("GET", "/apis/networking.k8s.io/v1/servicecidrs/kubernetes")
    assert found.status == 200
    assert found.body["spec"]["cidrs"]
