"""No write leaves without a permit that covers its very object, whatever verb, path or body."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from resilience.cluster.interface import NAMESPACES, Object, Resource
from resilience.cluster.permit.consent_keys import CONSENT, PAUSED, adds_owner
from resilience.cluster.permit.door import Door, NotCovered, Permit

SHOP = Permit(title="the run", namespaces=frozenset({"shop"}))
NAMED = Permit(
    title="the run",
    namespaces=frozenset({"shop", "lab"}),
    makes=frozenset({"lab"}),
    nodes=True,
    cluster_scoped=frozenset({"clusterroles.rbac.authorization.k8s.io/shop-reader"}),
    guarded=frozenset({"team"}),
)
LISTED = replace(NAMED, makes=frozenset({"shop", "lab"}))
ALLOWED = {CONSENT: "allow", "team": "shop"}
JOURNAL = Permit(title="the journal", journal="resilience-journal")
ENFORCE = "pod-security.kubernetes.io/enforce"
IN_SHOP = "/api/v1/namespaces/shop"


def live(kind: Resource, name: str, namespace: str) -> Object | None:
    if kind != NAMESPACES:
        return None
    labels = {"shop": {CONSENT: "allow", "team": "shop"}, "bank": {}}
    if name not in labels:
        return None
    return {"metadata": {"name": name, "uid": "1", "labels": labels[name]}}


def asked(method: str, path: str, body: Any = None, *permits: Permit) -> str:
    """What the door says against it; "" where it lets it through."""
    try:
        Door(peek=live, permits=permits or (SHOP,)).check(method, path, {}, body)
    except NotCovered as error:
        return str(error)
    return ""


def namespace(name: str, **metadata: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **metadata}}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/pods"),
        ("HEAD", "/version"),
        ("GET", "/api/v1/namespaces/kube-system/pods/a/log"),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"),
    ],
)
def test_what_only_reads_passes_a_shut_door(method: str, path: str) -> None:
    Door(peek=live).check(method, path, {}, None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{IN_SHOP}/pods"),
        ("CONNECT", f"{IN_SHOP}/pods/a/exec?command=ls"),
        ("GET", f"{IN_SHOP}/pods/a/exec"),
        ("GET", f"{IN_SHOP}/services/web:80/proxy/restart"),
        ("DELETE", f"{IN_SHOP}/pods"),
        ("PURGE", f"{IN_SHOP}/pods"),
    ],
)
def test_without_a_permit_no_write_passes(method: str, path: str) -> None:
    with pytest.raises(NotCovered, match="before any consent"):
        Door(peek=live).check(method, path, {"dryRun": "All"}, None)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"{IN_SHOP}/pods", {"metadata": {"name": "a"}}),
        ("POST", f"{IN_SHOP}/pods", {"metadata": {"generateName": "a-"}}),
        ("POST", f"{IN_SHOP}/pods/a/eviction", {"metadata": {"name": "a", "namespace": "shop"}}),
        ("DELETE", f"{IN_SHOP}/configmaps", None),
        ("PATCH", f"{IN_SHOP}/secrets/a", b'{"data": {}}'),
        ("CONNECT", f"{IN_SHOP}/pods/a/exec?command=ls", None),
        ("POST", "/apis/new.example.com/v1/namespaces/shop/widgets", {"kind": "Widget"}),
        ("PATCH", "/api/v1/namespaces/shop", namespace("shop", labels={"team": "shop"})),
        ("PUT", "/api/v1/namespaces/shop", namespace("shop", labels=ALLOWED)),
        ("PATCH", "/api/v1/namespaces/shop", [{"op": "test", "path": "/metadata/labels"}]),
    ],
)
def test_requests_that_consent_covers_pass(method: str, path: str, body: Any) -> None:
    assert asked(method, path, body) == ""


@pytest.mark.parametrize(
    ("method", "path", "body", "why"),
    [
        ("POST", "/api/v1/namespaces/bank/pods", {}, "namespace bank"),
        ("CONNECT", "/api/v1/namespaces/bank/pods/a/exec?command=ls", None, "namespace bank"),
        ("POST", f"{IN_SHOP}/pods", {"metadata": {"namespace": "bank"}}, "its body 'bank'"),
        ("POST", f"{IN_SHOP}/pods", {"items": [{"kind": "Pod"}]}, "a list of objects"),
        ("POST", f"{IN_SHOP}/../bank/pods", {}, "its path"),
        ("POST", f"{IN_SHOP}/pods/a%2f..%2f..%2fbank", {}, "its path"),
        ("POST", f"{IN_SHOP}//pods", {}, "its path"),
        ("DELETE", f"{IN_SHOP}/pods/a?force", None, "its path"),
        ("PATCH", f"{IN_SHOP}/pods/a", b"metadata: {}", "not JSON"),
        ("POST", "/logs", {}, "not a resource"),
        ("POST", "/api/v1/pods", {}, "outside of any namespace"),
        ("PATCH", "/api/v1/nodes/n1", {}, "does not cover nodes"),
        ("GET", "/api/v1/nodes/n1/proxy/run/shop/a/c", None, "does not cover nodes"),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
         {"metadata": {"name": "all"}}, "clusterrolebindings.rbac.authorization.k8s.io all"),
        ("POST", "/api/v1/namespaces", namespace("lab"), "does not cover namespace lab"),
        ("POST", "/api/v1/namespaces", namespace("shop"), "no target lists it"),
        ("DELETE", "/api/v1/namespaces/shop", None, "no target lists it"),
        ("PUT", "/api/v1/namespaces/shop/finalize", namespace("shop"), "no target lists it"),
        ("PATCH", "/api/v1/namespaces/kube-system", {}, "a system namespace"),
        ("POST", "/apis/chaos-mesh.org/v1alpha1/namespaces/shop/podchaos",
         {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodChaos",
          "spec": {"selector": {"namespaces": ["bank"]}}}, "namespace bank"),
        ("POST", "/apis/chaos-mesh.org/v1alpha1/namespaces/shop/workflows",
         {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow",
          "spec": {"templates": [{"podChaos": {"selector": {"pods": {"bank": ["a"]}}}}]}},
         "namespace bank"),
        ("POST", "/apis/chaos-mesh.org/v1alpha1/namespaces/shop/podchaos",
         {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodChaos",
          "spec": {"remoteCluster": "prod"}}, "another cluster"),
        ("PATCH", "/apis/chaos-mesh.org/v1alpha1/namespaces/shop/podchaos/a",
         {"spec": {"selector": {"namespaces": ["bank"]}}}, "namespace bank"),
        ("POST", "/apis/litmuschaos.io/v1alpha1/namespaces/shop/chaosengines",
         {"spec": {"appinfo": {"appns": "bank"}}}, "namespace bank"),
        ("POST", "/apis/helm.toolkit.fluxcd.io/v2/namespaces/shop/helmreleases",
         {"spec": {"targetNamespace": "bank"}}, "namespace bank"),
        ("POST", "/apis/authorization.openshift.io/v1/namespaces/shop/rolebindings",
         {"metadata": {"name": "all"}}, "another name of rbac.authorization.k8s.io"),
        ("PATCH", "/api/v1/namespaces/shop", namespace("shop", ownerReferences=[{"uid": "0"}]),
         "no target lists it"),
        ("PATCH", "/api/v1/namespaces/shop",
         [{"op": "add", "path": "/metadata/ownerReferences/-", "value": {}}], "no target lists it"),
    ],
)  # fmt: skip
def test_what_is_not_covered_is_refused(method: str, path: str, body: Any, why: str) -> None:
    assert why in asked(method, path, body)


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PATCH", namespace("lab")),
        ("POST", namespace("lab", labels={"team": "lab"})),
        ("DELETE", None),
    ],
)
def test_a_namespace_that_a_target_names_may_be_made_and_deleted(method: str, body: Any) -> None:
    path = "/api/v1/namespaces" + ("" if method == "POST" else "/lab")
    assert asked(method, path, body, NAMED) == ""


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PATCH", {"metadata": {"labels": {CONSENT: "allow", "colour": "red"}}}),
        ("PUT", namespace("shop", labels=ALLOWED)),
        ("PATCH", [{"op": "test", "path": "/metadata/labels"},
                   {"op": "add", "path": "/metadata/labels/colour", "value": "red"}]),
        ("PATCH", {"metadata": None} if False else {"spec": {}}),
    ],
)  # fmt: skip
def test_a_namespace_is_written_where_consent_stays_as_it_is(method: str, body: Any) -> None:
    assert asked(method, "/api/v1/namespaces/shop", body, LISTED) == ""


@pytest.mark.parametrize(
    ("method", "body", "keys"),
    [
        ("PATCH", namespace("shop", labels={ENFORCE: "privileged"}), ENFORCE),
        ("PATCH", namespace("shop", annotations={"scheduler.io/node": "a"}), "scheduler.io/node"),
        (
            "PATCH",
            [{"op": "add", "path": "/metadata/labels/a", "value": "b"}],
            "/metadata/labels/a",
        ),
        ("PATCH", {"metadata": {"labels": {"team": None}}}, "team"),
        ("PUT", namespace("shop", labels={CONSENT: "allow"}), "team"),
    ],
)
def test_labels_of_a_namespace_that_consents_by_its_label_alone_stay_as_they_are(
    method: str, body: Any, keys: str
) -> None:
    said = asked(method, "/api/v1/namespaces/shop", body)
    assert f"the run may not change {keys} of Namespace shop" in said
    assert asked(method, "/api/v1/namespaces/shop", body, replace(SHOP, as_recorded=True)) == ""
    listed = replace(SHOP, makes=frozenset({"shop"}))
    assert asked(method, "/api/v1/namespaces/shop", body, listed) == ""


@pytest.mark.parametrize(
    "change",
    [
        ("PATCH", {"metadata": {"labels": {CONSENT: "deny"}}}),
        ("PATCH", {"metadata": {"labels": {CONSENT: None}}}),
        ("PATCH", {"metadata": {"labels": None}}),
        ("PATCH", {"metadata": None}),
        ("PATCH", {"metadata": {"labels": {"team": "bank"}}}),
        ("PATCH", {"metadata": {"labels": {"$patch": "replace", "colour": "red"}}}),
        ("PATCH", {"metadata": {"$patch": "delete"}}),
        ("PATCH", {"metadata": {"annotations": {PAUSED: "false"}}}),
        ("PATCH", [{"op": "remove", "path": "/metadata/labels/resilience~1consent"}]),
        ("PATCH", [{"op": "replace", "path": "/metadata", "value": {}}]),
        ("PATCH", [{"op": "move", "from": "/metadata/labels/team", "path": "/metadata/labels/x"}]),
        ("PATCH", json.dumps({"metadata": {"labels": {CONSENT: "deny"}}}).encode()),
        ("PUT", namespace("shop", labels={"team": "shop"})),
        ("PUT", namespace("shop")),
    ],
)
def test_what_decides_over_consent_is_never_written(change: tuple[str, Any]) -> None:
    method, body = change
    assert "decides about consent" in asked(method, "/api/v1/namespaces/shop", body, NAMED)


def test_a_snapshot_s_objects_of_a_deployment_tool_are_restored_wherever_they_install() -> None:
    path = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/shop/helmreleases"
    body = {"spec": {"targetNamespace": "bank"}}
    recorded = Permit(title="the restore", namespaces=frozenset({"shop"}), as_recorded=True)
    assert asked("POST", path, body, recorded) == ""


@pytest.mark.parametrize(
    ("method", "recorded", "hosts", "power", "sent"),
    [
        ("POST", True, False, True, False),
        ("POST", True, True, True, True),
        ("POST", True, False, False, True),
        ("POST", False, False, True, True),
        ("PATCH", True, False, True, True),
    ],
)
def test_a_snapshot_s_objects_act_on_nodes_where_consent_covers_them(
    method: str, recorded: bool, hosts: bool, power: bool, sent: bool
) -> None:
    """A manifest's are looked at before; a patch follows a create that was let through."""
    permit = replace(SHOP, as_recorded=recorded, hosts=hosts)
    door = Door(peek=live, permits=(permit,), rules_nodes=lambda body: bool(body["spec"]) is power)
    path, body = f"{IN_SHOP}/pods/a", {"metadata": {"name": "a"}, "spec": {"hostPID": True}}
    refused = nullcontext() if sent else pytest.raises(NotCovered, match="set `nodes = true`")
    with refused:
        door.check(method, path.removesuffix("/a") if method == "POST" else path, {}, body)


def test_an_owner_that_a_namespace_has_already_is_not_a_change() -> None:
    owned = {"metadata": {"ownerReferences": [{"uid": "9"}]}}
    assert not adds_owner(owned, namespace("shop", ownerReferences=[{"uid": "9"}]))
    assert not adds_owner(owned, [{"op": "test", "path": "/metadata/ownerReferences"}])
    assert adds_owner(owned, namespace("shop", ownerReferences=[{"uid": "8"}]))


def test_a_new_namespace_does_not_consent_by_itself() -> None:
    body = namespace("lab", labels={CONSENT: "allow"})
    assert CONSENT in asked("POST", "/api/v1/namespaces", body, NAMED)


def test_cluster_scoped_objects_are_written_where_the_target_lists_them() -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    assert asked("PATCH", f"{path}/shop-reader", {}, NAMED) == ""
    assert "no target lists it" in asked("PATCH", f"{path}/cluster-admin", {}, NAMED)
    assert "collections" in asked("DELETE", path, None, NAMED)


def test_whoever_may_empty_nodes_may_evict_from_them_but_not_the_systems_own() -> None:
    assert asked("PATCH", "/api/v1/nodes/n1", {}, NAMED) == ""
    assert asked("POST", "/api/v1/namespaces/bank/pods/a/eviction", {}, NAMED) == ""
    assert asked("POST", "/api/v1/namespaces/kube-system/pods/a/eviction", {}, NAMED)
    assert asked("DELETE", "/api/v1/namespaces/bank/pods/a", None, NAMED)


def test_system_pods_are_evicted_from_nodes_only_where_a_target_names_their_namespace() -> None:
    permit = replace(NAMED, evicts_in=frozenset({"kube-system"}))
    system = "/api/v1/namespaces/kube-system/pods/a"
    assert asked("POST", f"{system}/eviction", {}, permit) == ""
    assert asked("DELETE", system, None, permit)
    assert asked("POST", "/api/v1/namespaces/kube-public/pods/a/eviction", {}, permit)
    assert asked("POST", f"{system}/eviction", {}, replace(permit, nodes=False))


@pytest.mark.parametrize(
    ("method", "path", "body", "good"),
    [
        ("POST", "/api/v1/namespaces", namespace("resilience-journal"), True),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/resilience-journal/leases/a", {}, True),
        ("POST", "/api/v1/namespaces/resilience-journal/configmaps",
         {"metadata": {"name": "run-1"}}, True),
        ("POST", "/api/v1/namespaces", namespace("resilience-journal", labels={"a": "b"}), False),
        ("POST", "/api/v1/namespaces", namespace("shop"), False),
        ("DELETE", "/api/v1/namespaces/resilience-journal", None, False),
        ("DELETE", "/api/v1/namespaces/resilience-journal/configmaps", None, False),
        ("POST", "/api/v1/namespaces/resilience-journal/secrets", {"metadata": {}}, False),
        ("POST", f"{IN_SHOP}/configmaps", {"metadata": {"name": "run-1"}}, False),
    ],
)  # fmt: skip
def test_bookkeeping_covers_leases_and_journals_alone(
    method: str, path: str, body: Any, good: bool
) -> None:
    assert (asked(method, path, body, JOURNAL) == "") is good


def test_a_lost_lock_shuts_the_door_at_once() -> None:
    why = ["", "the Lease was taken by another run"]
    permit = Permit(title="the run", namespaces=frozenset({"shop"}), lost=lambda: why.pop(0))
    assert asked("POST", f"{IN_SHOP}/pods", {}, permit) == ""
    assert "taken by another run" in asked("POST", f"{IN_SHOP}/pods", {}, permit)
