"""A scratch namespace goes away with its drill; one that a killed drill left goes with the next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from resilience.backup.drills.scratch import HOLDER, LEASE, Origin, left_by, scratch, sweep
from resilience.backup.drills.wall.egress_wall import wall
from resilience.backup.format.errors import RestoreRefused
from resilience.cluster.errors import Unreachable
from resilience.cluster.interface import LEASES, NAMESPACES, POLICIES
from resilience.cluster.lease import DURATION
from tests.backup.fakes import RESOURCES, FakeClock, FakeCluster

TTL = timedelta(hours=4)


class Clock(FakeClock):
    """`each` is called whenever someone waits."""

    each: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        self.each()


def made() -> FakeCluster:
    served = {(each.group, each.plural): each for each in (*RESOURCES, LEASES, POLICIES)}
    return FakeCluster(tuple(served.values()))


def origin(run: str) -> Origin:
    return Origin(plan="shop", store="file:/x", snapshot="one", source="shop", holder=run)


def left_by_a_killed_drill(cluster: FakeCluster, clock: FakeClock) -> str:
    """The namespace with everything in it as it is in the middle of a drill; its uid."""
    with scratch(cluster, "shop-drill", origin("first"), clock=clock, ttl=TTL):
        there = {key: value for key, value in cluster.objects.items() if "shop-drill" in key}
    cluster.objects |= there
    lease = cluster.objects["leases.coordination.k8s.io", "shop-drill", LEASE]
    lease["spec"] |= {"holderIdentity": "first", "leaseDurationSeconds": DURATION}
    return str(cluster.objects["namespaces", "", "shop-drill"]["metadata"]["uid"])


def test_it_is_walled_in_owned_and_gone_afterwards() -> None:
    cluster, clock = made(), FakeClock()
    with scratch(cluster, "shop-drill", origin("first"), clock=clock, ttl=TTL) as name:
        found = cluster.get(NAMESPACES, name)["metadata"]
        assert found["annotations"][HOLDER] == "first"
        lease = cluster.get(LEASES, LEASE, name)
        assert lease["spec"]["holderIdentity"] == "first"
        assert cluster.get(POLICIES, wall(name)["metadata"]["name"], name)
    assert not [key for key in cluster.objects if "shop-drill" in key]


def test_a_namespace_that_does_not_end_is_told_with_its_own_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster, clock = made(), FakeClock()
    message = "Some content has finalizers remaining: example.com/x in 1 resource instances"

    def stuck(*_: object, **__: object) -> None:
        condition = {"type": "NamespaceFinalizersRemaining", "status": "True", "message": message}
        space = cluster.objects["namespaces", "", "shop-drill"]
        space["status"] = {"conditions": [condition]}
        space["metadata"]["deletionTimestamp"] = cluster.stamp()

    monkeypatch.setattr(cluster, "delete", stuck)
    with pytest.raises(RestoreRefused, match=f"shop-drill is still Terminating.*{message}"):
        with scratch(cluster, "shop-drill", origin("first"), clock=clock, ttl=TTL):
            pass
    told = left_by(cluster, "first", clock=clock)
    assert len(told) == 1
    assert told[0].startswith("delete namespace shop-drill: ")
    assert message in told[0]
    assert left_by(cluster, "second", clock=clock) == []


def test_what_cannot_be_deleted_or_looked_for_is_a_leftover_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster, clock = made(), FakeClock()

    def away(*_: object, **__: object) -> None:
        raise Unreachable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(cluster, "delete", away)
        with (
            pytest.raises(Unreachable),
            scratch(cluster, "shop-drill", origin("first"), clock=clock, ttl=TTL),
        ):
            pass
    assert (
        "shop-drill is still there: it was not deleted" in left_by(cluster, "first", clock=clock)[0]
    )
    monkeypatch.setattr(cluster, "list", away)
    assert left_by(cluster, "first", clock=clock)[0].endswith("are gone: no answer")


def test_what_a_killed_drill_left_is_swept_by_the_next_once_its_holder_is_surely_dead() -> None:
    cluster, clock = made(), Clock()
    uid = left_by_a_killed_drill(cluster, clock)
    began = clock.monotonic()
    with scratch(cluster, "shop-drill", origin("second"), clock=clock, ttl=TTL) as name:
        found = cluster.get(NAMESPACES, name)["metadata"]
        assert found["annotations"][HOLDER] == "second"
        assert found["uid"] != uid
    assert clock.monotonic() - began >= DURATION


def test_a_drill_that_lives_is_left_alone_and_named() -> None:
    cluster, clock = made(), Clock()
    uid = left_by_a_killed_drill(cluster, clock)
    lease = cluster.objects["leases.coordination.k8s.io", "shop-drill", LEASE]

    def renewed() -> None:
        lease["spec"]["renewTime"] = clock.now().isoformat()

    clock.each = renewed
    with pytest.raises(RestoreRefused, match="another drill of plan shop uses it, run first"):
        with scratch(cluster, "shop-drill", origin("second"), clock=clock, ttl=TTL):
            pass
    assert cluster.objects["namespaces", "", "shop-drill"]["metadata"]["uid"] == uid


def test_a_namespace_that_is_not_a_drills_is_never_touched() -> None:
    cluster = made()
    cluster.namespace("shop-drill")
    with pytest.raises(RestoreRefused, match="it does not belong to a drill; nothing was touched"):
        with scratch(cluster, "shop-drill", origin("x"), clock=FakeClock(), ttl=TTL):
            pass
    assert [each for each in cluster.requests if each[0] in ("delete", "patch")] == []


def test_whatever_is_past_its_time_is_swept_and_nothing_else() -> None:
    cluster, clock = made(), FakeClock()
    left_by_a_killed_drill(cluster, clock)
    assert sweep(cluster, clock=clock) == []
    clock.wait(TTL.total_seconds())
    assert sweep(cluster, clock=clock) == ["shop-drill"]
