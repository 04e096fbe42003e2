"""A copy names its own namespace wherever the original named its own. The proof says the same by
other code."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.backup.objects.mapping import OLD_CLASS, Targets
from resilience.backup.proof.expected_names import expected
from resilience.cluster.interface import Object

NAME_LABEL = "kubernetes.io/metadata.name"
MOVED = {"shop": "copy"}


def made(api: str, kind: str, spec: Any) -> Object:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": "x", "namespace": "shop"},
        "spec": spec,
    }


def moved(obj: Object) -> Any:
    """What a restore creates; the proof expects exactly that."""
    mine = copy.deepcopy(obj)
    Targets(namespaces=MOVED).apply(mine)
    assert mine == expected(obj, MOVED)
    return mine["spec"]


def peers(selector: Any) -> Object:
    spec = {"ingress": [{"from": [{"namespaceSelector": selector}]}]}
    return made("networking.k8s.io/v1", "NetworkPolicy", spec)


@pytest.mark.parametrize("name", ["shop", "other"])
def test_a_policy_that_names_its_namespace_by_the_name_label_names_the_copy(name: str) -> None:
    to = MOVED.get(name, name)
    (rule,) = moved(peers({"matchLabels": {NAME_LABEL: name, "tier": "shop"}}))["ingress"]
    assert rule["from"][0]["namespaceSelector"]["matchLabels"] == {NAME_LABEL: to, "tier": "shop"}
    expressions = [
        {"key": NAME_LABEL, "operator": "In", "values": [name, "kube-system"]},
        {"key": "tier", "operator": "In", "values": ["shop"]},
        {"key": NAME_LABEL, "operator": "Exists"},
    ]
    (rule,) = moved(peers({"matchExpressions": expressions}))["ingress"]
    found = rule["from"][0]["namespaceSelector"]["matchExpressions"]
    assert [each.get("values") for each in found] == [[to, "kube-system"], ["shop"], None]


@pytest.mark.parametrize("which", ["podAffinity", "podAntiAffinity"])
@pytest.mark.parametrize("soft", [False, True])
def test_an_affinity_that_names_its_namespace_names_the_copy(which: str, soft: bool) -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "namespaces": ["shop", "other"]}
    how = "preferred" if soft else "required"
    terms = [{"weight": 1, "podAffinityTerm": term}] if soft else [term]
    rules = {f"{how}DuringSchedulingIgnoredDuringExecution": terms}
    spec = {"template": {"spec": {"containers": [], "affinity": {which: rules}}}}
    found = str(moved(made("apps/v1", "Deployment", spec)))
    assert "['copy', 'other']" in found


def test_a_route_and_a_grant_name_the_copy() -> None:
    group = "gateway.networking.k8s.io/v1"
    spec = {
        "parentRefs": [{"name": "g", "namespace": "shop"}, {"name": "g", "namespace": "infra"}],
        "rules": [{"backendRefs": [{"name": "b", "namespace": "shop"}, {"name": "c"}]}],
    }
    found = moved(made(group, "HTTPRoute", spec))
    assert [each["namespace"] for each in found["parentRefs"]] == ["copy", "infra"]
    assert found["rules"][0]["backendRefs"] == [{"name": "b", "namespace": "copy"}, {"name": "c"}]
    grant = {"from": [{"namespace": "shop"}]}
    assert moved(made(group, "ReferenceGrant", grant))["from"] == [{"namespace": "copy"}]


def test_a_custom_resource_with_fields_of_these_names_is_left_alone() -> None:
    spec = {"namespaceSelector": {"matchLabels": {NAME_LABEL: "shop"}}, "namespaces": ["shop"]}
    assert moved(made("example.com/v1", "NetworkPolicy", spec)) == spec


JSON: Any = st.recursive(
    st.sampled_from(["shop", "other", 1, None, True]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "namespaceSelector",
                    "matchLabels",
                    "matchExpressions",
                    "key",
                    "values",
                    NAME_LABEL,
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_whatever_an_archive_holds_the_mapping_does_not_stop(spec: Any) -> None:
    """A snapshot of unknown origin has other types in these places."""
    obj = peers(spec)
    Targets(namespaces=MOVED).apply(obj)
    expected(obj, MOVED)


ACCOUNT = {"kind": "ServiceAccount", "name": "robot"}
SUBJECTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({**ACCOUNT, "namespace": "shop"}, {**ACCOUNT, "namespace": "copy"}),
    ({**ACCOUNT, "namespace": "other"}, {**ACCOUNT, "namespace": "other"}),
    (ACCOUNT, ACCOUNT),  # stork#1017: without a namespace it stays, and is not lost
    ({"kind": "Group", "name": "system:serviceaccounts:shop"},
     {"kind": "Group", "name": "system:serviceaccounts:copy"}),
    ({"kind": "User", "name": "system:serviceaccount:shop:robot"},
     {"kind": "User", "name": "system:serviceaccount:copy:robot"}),
    ({"kind": "User", "name": "shop"}, {"kind": "User", "name": "shop"}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), SUBJECTS)
@pytest.mark.parametrize("kind", ["RoleBinding", "ClusterRoleBinding"])
def test_a_bindings_subjects_are_those_of_the_copy(
    kind: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """velero#80, #1954 and #5539: a copy whose accounts have no rights, or those of the
    original."""
    binding = made("rbac.authorization.k8s.io/v1", kind, {})
    binding |= {"subjects": [dict(before)], "roleRef": {"kind": "Role", "name": "reader"}}
    mine = copy.deepcopy(binding)
    Targets(namespaces=MOVED).apply(mine)
    assert mine == expected(binding, MOVED)
    assert mine["subjects"] == [after]
    assert mine["roleRef"] == binding["roleRef"]


def whole(obj: Object) -> Object:
    """All of what a restore creates; the proof expects exactly that, and nothing names the
    original."""
    mine = copy.deepcopy(obj)
    Targets(namespaces=MOVED).apply(mine)
    assert mine == expected(obj, MOVED)
    assert "shop" not in json.dumps(mine)
    return mine


def cluster_wide(api: str, kind: str, **fields: Any) -> Object:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "x"}, **fields}


SECRET = {"name": "s", "namespace": "shop"}
GATEWAY = "gateway.networking.k8s.io/v1"
SELECTED = {"selector": {"matchLabels": {NAME_LABEL: "shop"}}}
MIRROR = [{"type": "RequestMirror", "requestMirror": {"backendRef": SECRET}}]
ADDRESS = {"ip": "10.0.0.1", "targetRef": {"kind": "Pod", "name": "p", "namespace": "shop"}}


@pytest.mark.parametrize(
    "obj",
    [
        *(
            cluster_wide("v1", "PersistentVolume", spec={"csi": {f"{each}SecretRef": SECRET}})
            for each in (
                "controllerPublish",
                "nodeStage",
                "nodePublish",
                "controllerExpand",
                "nodeExpand",
            )
        ),
        *(
            cluster_wide("v1", "PersistentVolume", spec={each: {"secretRef": SECRET}})
            for each in ("rbd", "cephfs", "iscsi", "flexVolume", "scaleIO", "storageos")
        ),
        cluster_wide("v1", "PersistentVolume", spec={"azureFile": {"secretNamespace": "shop"}}),
        *(
            cluster_wide(api, kind, parameters={key: "shop"})
            for api, kind in (
                ("storage.k8s.io/v1", "StorageClass"),
                ("snapshot.storage.k8s.io/v1", "VolumeSnapshotClass"),
            )
            for key in (
                "csi.storage.k8s.io/provisioner-secret-namespace",
                "secretNamespace",
                "adminSecretNamespace",
                "userSecretNamespace",
            )
        ),
        cluster_wide(
            "flowcontrol.apiserver.k8s.io/v1",
            "FlowSchema",
            spec={"rules": [{"subjects": [{"serviceAccount": SECRET}]}]},
        ),
        *(
            cluster_wide("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", spec={"rules": [rule]})
            for rule in (
                {"subjects": [{"user": {"name": "system:serviceaccount:shop:worker"}}]},
                {"subjects": [{"group": {"name": "system:serviceaccounts:shop"}}]},
                {"resourceRules": [{"resources": ["*"], "namespaces": ["shop", "other"]}]},
            )
        ),
        *(
            cluster_wide(
                "rbac.authorization.k8s.io/v1",
                "ClusterRole",
                rules=[{"resources": about, "resourceNames": names, "verbs": ["impersonate"]}],
            )
            for about, names in (
                (["users"], ["system:serviceaccount:shop:worker", "ann"]),
                (["groups"], ["system:serviceaccounts:shop"]),
                (["users", "groups"], ["system:serviceaccounts:shop"]),
            )
        ),
        cluster_wide(GATEWAY, "GatewayClass", spec={"parametersRef": SECRET}),
        made(GATEWAY, "Gateway", {"listeners": [{"tls": {"certificateRefs": [SECRET]}}]}),
        made(GATEWAY, "Gateway", {"listeners": [{"allowedRoutes": {"namespaces": SELECTED}}]}),
        *(
            made("monitoring.coreos.com/v1", kind, {"namespaceSelector": {"matchNames": ["shop"]}})
            for kind in ("ServiceMonitor", "PodMonitor")
        ),
        made(
            "monitoring.coreos.com/v1",
            "Probe",
            {"targets": {"ingress": {"namespaceSelector": {"matchNames": ["shop", "other"]}}}},
        ),
        made(GATEWAY, "HTTPRoute", {"rules": [{"filters": MIRROR}]}),
        made(GATEWAY, "GRPCRoute", {"rules": [{"backendRefs": [{"filters": MIRROR}]}]}),
        made("v1", "Endpoints", None) | {"subsets": [{"addresses": [ADDRESS]}]},
        made("v1", "Endpoints", None) | {"subsets": [{"notReadyAddresses": [ADDRESS]}]},
        made("discovery.k8s.io/v1", "EndpointSlice", None) | {"endpoints": [ADDRESS]},
        *(
            cluster_wide(
                "rbac.authorization.k8s.io/v1",
                "ClusterRole",
                rules=[{"resources": which, "resourceNames": ["shop", "other"], "verbs": ["get"]}],
            )
            for which in (["namespaces"], ["namespaces", "namespaces/status"])
        ),
    ],
    ids=lambda obj: json.dumps({k: v for k, v in obj.items() if k != "metadata"})[:120],
)
def test_every_place_that_holds_a_namespace_names_the_copy(obj: Object) -> None:
    whole(obj)


@pytest.mark.parametrize(
    ("api", "kind"),
    [
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
        ("apiregistration.k8s.io/v1", "APIService"),
    ],
)
@pytest.mark.parametrize("name", ["inject-ca-from", "inject-ca-from-secret"])
def test_the_certificate_of_a_webhook_is_taken_from_the_copy(
    api: str, kind: str, name: str
) -> None:
    obj = cluster_wide(api, kind)
    obj["metadata"]["annotations"] = {f"cert-manager.io/{name}": "shop/webhook", "note": "other/x"}
    mine = whole(obj)["metadata"]["annotations"]
    assert mine == {f"cert-manager.io/{name}": "copy/webhook", "note": "other/x"}


@pytest.mark.parametrize("kind", ["ConfigMap", "Namespace", "ClusterRole"])
@pytest.mark.parametrize("release", ["shop", "other"])
def test_a_copy_belongs_to_the_release_of_its_own_namespace(kind: str, release: str) -> None:
    """Helm adopts only what names its release and namespace. The whole cluster's objects are the
    original's."""
    about = {"name": "shop", "annotations": {"meta.helm.sh/release-namespace": release}}
    mine: Object = {"apiVersion": "v1", "kind": kind, "metadata": about, "spec": {}}
    if kind == "ConfigMap":
        about["namespace"] = "shop"
    wanted = expected(mine, MOVED)
    Targets(namespaces=MOVED).apply(mine)
    assert mine == wanted
    named = release if kind == "ClusterRole" else MOVED.get(release, release)
    assert mine["metadata"]["annotations"] == {"meta.helm.sh/release-namespace": named}


def test_names_of_other_things_are_no_namespaces() -> None:
    account = "system:serviceaccount:shop:worker"
    rules = [{"resources": ["secrets", "namespaces"], "resourceNames": ["shop"]},
             {"resources": ["secrets", "users"], "resourceNames": [account]},
             {"resources": ["users"], "resourceNames": ["shop", "x:system:serviceaccount:shop:y"]},
             {"resources": ["namespaces"], "verbs": ["list"]},
             {"resources": ["users"], "verbs": ["impersonate"]},
             {"resources": [], "resourceNames": [account]}]  # fmt: skip
    role = cluster_wide("rbac.authorization.k8s.io/v1", "ClusterRole", rules=rules)
    mine = copy.deepcopy(role)
    Targets(namespaces=MOVED).apply(mine)
    assert mine == role == expected(role, MOVED)


EPHEMERAL = {"volumes": [{"name": "d"}, {"name": "tmp", "ephemeral": {"volumeClaimTemplate": {
    "spec": {"storageClassName": "fast"}}}}]}  # fmt: skip


@pytest.mark.parametrize(
    "obj",
    [
        made("v1", "PersistentVolumeClaim", {"storageClassName": "fast"}),
        made("v1", "PersistentVolume", {"storageClassName": "fast"}),
        made("v1", "PersistentVolumeClaim", {})
        | {"metadata": {"name": "x", "annotations": {OLD_CLASS: "fast"}}},
        made("apps/v1", "StatefulSet", {"volumeClaimTemplates": [
            {"metadata": {"name": "data"}, "spec": {"storageClassName": "fast"}},
            {"metadata": {"annotations": {OLD_CLASS: "fast"}}, "spec": {}}]}),
        made("v1", "Pod", EPHEMERAL),
        made("apps/v1", "Deployment", {"template": {"spec": EPHEMERAL}}),
        made("batch/v1", "CronJob", {"jobTemplate": {"spec": {"template": {"spec": EPHEMERAL}}}}),
        made("v1", "PodTemplate", None) | {"template": {"spec": EPHEMERAL}},
    ],
    ids=lambda obj: json.dumps(obj)[:60],
)  # fmt: skip
def test_every_claim_is_of_the_class_that_was_asked_for(obj: Object) -> None:
    targets = Targets(storage_classes={"fast": "slow"})
    mine = copy.deepcopy(obj)
    targets.apply(mine)
    assert "fast" not in json.dumps(mine)
    assert targets.seen == {"fast"}
    assert not targets.idle()


def test_a_word_that_is_no_class_stays() -> None:
    obj = made("example.com/v1", "Pod", EPHEMERAL)
    before = copy.deepcopy(obj)
    Targets(storage_classes={"fast": "slow"}).apply(obj)
    assert obj == before
