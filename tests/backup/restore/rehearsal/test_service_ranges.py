"""Services whose addresses are in a range that the same restore creates."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.format.errors import RestoreRefused
from resilience.backup.restore.outcome import Outcome
from resilience.backup.restore.rehearsal.service_ranges import ServiceRanges
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.errors import Invalid
from resilience.cluster.interface import Object, Resource
from tests.backup.fakes import RESOURCES, FakeClock, FakeCluster
from tests.backup.restore.restoring import brought_back, created

RANGES = Resource("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", False)
NOT_HERE = (
    "spec.clusterIPs: Invalid value: failed to allocate IP 10.9.0.7: the provided network does "
    "not match the current range"
)


def service_range(cidr: Any = "10.9.0.0/24") -> Object:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR",
            "metadata": {"name": "more"}, "spec": {"cidrs": ["fd00::/112", cidr]}}  # fmt: skip


def service(**spec: Any) -> Object:
    """`kubectl apply` wrote its address."""
    owned: Object = {f"f:{name}": {} for name in spec}
    wrote = {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": owned}}
    about = {"name": "db", "namespace": "shop", "managedFields": [wrote]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": about, "spec": spec}


class Ranged(FakeCluster):
    """A Service's address must be in a range that exists, and is `ready` after some tries."""

    ready_after = 0

    def __init__(self, *objects: Object) -> None:
        super().__init__((*RESOURCES, RANGES))
        self.namespace("shop")
        self.add(*objects)
        self.on_create = self._in_a_range

    def _in_a_range(self, obj: Object) -> None:
        if obj["kind"] != "Service":
            return
        exists = any(kind.startswith("servicecidrs") for kind, _, _ in self.objects)
        if exists and self.ready_after <= 0:
            return
        self.ready_after -= exists
        raise Invalid(422, NOT_HERE)


def kept(*objects: Object) -> MemoryStore:
    source, store = Ranged(*objects), MemoryStore()
    scope = Scope(namespaces=("shop",), cluster="all")
    create(Request(name="one", scope=scope), source, store, clock=FakeClock())
    return store


def test_a_service_comes_after_its_range_and_waits_until_it_is_ready() -> None:
    store = kept(service_range(), service(clusterIP="10.9.0.7", clusterIPs=["10.9.0.7"]))
    target = Ranged()
    target.ready_after = 3
    rehearsed = brought_back(store, target, dry_run=True)
    (asked,) = (each for each in rehearsed.items if each.kind == "services")
    assert asked.outcome is Outcome.UNASKED
    assert asked.reason.startswith("its range is restored first: ")
    clock = FakeClock()
    report = brought_back(store, target, clock)
    assert report.complete
    made = created(target)
    assert made.index("servicecidrs.networking.k8s.io") < made.index("services")
    assert clock.waited


def test_a_service_whose_range_does_not_come_refuses_the_restore() -> None:
    store = kept(service(clusterIP="10.9.0.7", clusterIPs=["10.9.0.7"]))
    with pytest.raises(RestoreRefused, match="does not match the current range"):
        brought_back(store, Ranged())


@pytest.mark.parametrize(
    ("cidr", "spec", "reason", "explained"),
    [
        ("10.9.0.0/24", {"clusterIP": "10.9.0.7"}, NOT_HERE, True),
        ("10.9.0.0/24", {"clusterIPs": ["10.1.0.1", "10.9.0.7"]}, NOT_HERE, True),
        ("10.9.0.0/24", {"clusterIPs": ["fd00::1"]}, NOT_HERE, True),
        ("10.8.0.0/24", {"clusterIP": "10.9.0.7"}, NOT_HERE, False),
        ("10.9.0.0/24", {"clusterIP": "10.9.0.7"}, "quota", False),
        ("no range", {"clusterIP": "10.9.0.7"}, NOT_HERE, False),
        ("10.9.0.0/24", {"clusterIP": "no address"}, NOT_HERE, False),
        ("10.9.0.0/24", None, NOT_HERE, False),
    ],
)
def test_only_an_address_in_a_range_that_comes_is_explained(
    cidr: str, spec: Any, reason: str, explained: bool
) -> None:
    ranges = ServiceRanges()
    obj: Object = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec}
    assert not ranges.explain(obj, reason)
    ranges.add(service_range(cidr))
    assert ranges.explain(obj, reason) is explained
    assert not ranges.explain(obj | {"kind": "ConfigMap"}, reason)


def test_a_range_without_a_list_of_networks_is_none() -> None:
    ranges = ServiceRanges()
    ranges.add(service_range() | {"spec": None})
    assert not ranges.explain(service(clusterIP="10.9.0.7"), NOT_HERE)
