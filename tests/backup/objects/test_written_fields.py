"""What a user chose comes back, what the cluster allocated is new, and the proof knows which."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.objects.written_fields import LAST_APPLIED
from resilience.backup.proof.compare import with_cluster
from resilience.backup.restore.outcome import Outcome
from resilience.cluster.errors import Invalid
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeCluster, secret, shop
from tests.backup.restore.restoring import brought_back, stored

PORTS: dict[str, Any] = {
    "f:spec": {
        "f:ports": {
            'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:nodePort": {}},
            'k:{"port":443,"protocol":"TCP"}': {".": {}, "f:port": {}},
        }
    }
}


def service(spec: dict[str, Any], **metadata: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "front", "namespace": "shop", **metadata},
        "spec": copy.deepcopy(spec),
    }


SPEC = {
    "type": "NodePort",
    "clusterIP": "10.0.0.44",
    "clusterIPs": ["10.0.0.44"],
    "healthCheckNodePort": 32000,
    "ports": [{"port": 80, "nodePort": 31234}, {"port": 443, "nodePort": 30001}],
}


def fields(owned: Any) -> dict[str, Any]:
    return {"managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsV1": owned}]}


def applied(spec: Any) -> dict[str, Any]:
    return {"annotations": {LAST_APPLIED: json.dumps({"spec": spec})}}


def restored(obj: Object, **options: Any) -> tuple[FakeCluster, Object, Any]:
    source = shop()
    source.add(obj)
    store, target = stored(source), FakeCluster()
    report = brought_back(store, target, **options)
    assert report.complete
    return target, target.objects["services", "shop", "front"]["spec"], opened(store, "one")


@pytest.mark.parametrize(
    "metadata",
    [fields(PORTS), applied({"ports": [{"port": 80, "nodePort": 31234}, {"port": 443}]})],
    ids=["managedFields", "last-applied"],
)
def test_a_node_port_that_was_chosen_comes_back_and_one_that_was_given_does_not(
    metadata: dict[str, Any],
) -> None:
    target, spec, snapshot = restored(service(SPEC, **metadata))
    assert spec["ports"] == [{"port": 80, "nodePort": 31234}, {"port": 443}]
    assert "clusterIP" not in spec
    assert "healthCheckNodePort" not in spec
    assert with_cluster(snapshot, target).changes == []
    spec["ports"][1]["nodePort"] = 30777
    assert with_cluster(snapshot, target).changes == []
    spec["ports"][0]["nodePort"] = 31235
    (change,) = with_cluster(snapshot, target).changes
    assert str(change).endswith("/spec/ports/0/nodePort: 31234 became 31235")


@pytest.mark.parametrize("field", ["clusterIP", "healthCheckNodePort"])
def test_an_address_or_port_that_was_chosen_comes_back(field: str) -> None:
    target, spec, snapshot = restored(service(SPEC, **fields({"f:spec": {f"f:{field}": {}}})))
    assert spec[field] == SPEC[field]
    assert with_cluster(snapshot, target).changes == []
    spec[field] = "other"
    assert with_cluster(snapshot, target).changes


def test_a_headless_service_is_restored_headless() -> None:
    target, spec, snapshot = restored(service({"clusterIP": "None"}))
    assert spec["clusterIP"] == "None"
    spec["clusterIP"] = "10.0.0.1"
    assert with_cluster(snapshot, target).changes


def test_all_or_none_of_them_come_back_on_request() -> None:
    _, kept, _ = restored(service(SPEC), allocations="keep")
    assert kept == SPEC
    _, new, _ = restored(service(SPEC, **fields(PORTS)), allocations="new")
    assert new == {"type": "NodePort", "ports": [{"port": 80}, {"port": 443}]}


def test_an_unchanged_service_is_equal_whatever_was_allocated() -> None:
    source = shop()
    source.add(service(SPEC, **fields(PORTS)))
    report = brought_back(stored(source), source, existing="fail")
    assert set(report.counts) == {Outcome.EQUAL}


def token(name: str, **metadata: Any) -> Object:
    annotations = {
        "kubernetes.io/service-account.name": "robot",
        "kubernetes.io/service-account.uid": "old",
    }
    found = secret(name, token="b2xk", own="eA==")
    found["data"] |= {"ca.crt": "b2xk", "namespace": "c2hvcA=="}
    found["type"] = "kubernetes.io/service-account-token"
    found["metadata"] |= {"annotations": annotations, **metadata}
    return found


def test_a_token_made_by_hand_comes_back_to_be_filled_and_a_generated_one_does_not() -> None:
    source = shop()
    hand = {"managedFields": [{"manager": "kubectl-create"}]}
    source.add(token("robot-login"), token("robot-token-x7k2p"), token("robot-token-x7k2q", **hand))
    store, target = stored(source), FakeCluster()
    report = brought_back(store, target)
    left = {item.name: item.reason for item in report.items if item.outcome is Outcome.LEFT}
    assert left == {"robot-token-x7k2p": "generated for ServiceAccount robot"}
    back = target.objects["secrets", "shop", "robot-login"]
    assert back["data"] == {"own": "eA=="}
    assert "kubernetes.io/service-account.uid" not in back["metadata"]["annotations"]
    proof = with_cluster(opened(store, "one"), target)
    assert proof.changes == []
    assert any("issued by the token controller" in line for line in proof.excuses())
    del target.objects["secrets", "shop", "robot-login"]
    (change,) = with_cluster(opened(store, "one"), target).changes
    assert str(change) == "secrets shop/robot-login was removed"


def test_data_of_other_secrets_is_never_excused() -> None:
    source = shop()
    source.add(secret("s", token="YQ=="))
    store, target = stored(source), FakeCluster()
    brought_back(store, target)
    target.objects["secrets", "shop", "s"]["data"] = {"token": "Yg=="}
    assert len(with_cluster(opened(store, "one"), target).changes) == 1


def allocating(cluster: FakeCluster, owner: str) -> None:
    """As the API server does: a taken port is refused before the name is looked at."""

    def taken(verb: str, kind: str, namespace: str, name: str) -> None:
        held = any(key[0] == "services" and key[2] == owner for key in cluster.objects)
        if verb.endswith("create") and kind == "services" and name == "front" and held:
            text = "spec.ports[0].nodePort: Invalid value: 31234: port is already allocated"
            raise Invalid(422, text, reason="Invalid")

    cluster.faults.append(taken)


@pytest.mark.parametrize("existing", ["fail", "skip", "update"])
def test_a_service_whose_own_port_is_taken_by_itself_exists(existing: str) -> None:
    source = shop()
    source.add(service(SPEC, **fields(PORTS)))
    store = stored(source)
    allocating(source, "front")
    report = brought_back(store, source, existing=existing)
    assert set(report.counts) == {Outcome.EQUAL}


def test_a_port_that_another_service_has_is_refused_with_what_to_do() -> None:
    source = shop()
    source.add(service(SPEC, **fields(PORTS)))
    store, target = stored(source), FakeCluster()
    target.namespace("other")
    squatter = service({"ports": []})
    squatter["metadata"] |= {"name": "squatter", "namespace": "other"}
    target.add(squatter)
    allocating(target, "squatter")
    report = brought_back(store, target, ask_first=False)
    (bad,) = report.bad
    assert "already allocated; `--allocations new`" in bad.reason
