"""Leases are renewed in time, in batches, whatever else the kubelet has to do."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kubelet.base.kubelet_clock import WallClock
from resilience.sandbox.kubelet.node.node_leases import BATCH, LEASE_SECONDS, RENEW, Nodes
from resilience.sandbox.wire.api_client import BatchRequest
from tests.sandbox.kubelet.fastloop import FastLoop

READY = {"conditions": [{"type": "Ready", "status": "True"}]}
LOST = {"conditions": [{"type": "Ready", "status": "Unknown"}]}


class Server:
    """Answers batches after `takes` seconds and notes when each Lease was renewed."""

    def __init__(self, loop: FastLoop, takes: float = 0.0) -> None:
        self._loop = loop
        self._takes = takes
        self.renewed: dict[str, list[float]] = defaultdict(list)
        self.statuses: list[str] = []
        self.largest = 0
        self.absent: set[str] = set()

    async def batch(self, requests: Sequence[BatchRequest]) -> list[Obj | ApiError]:
        self.largest = max(self.largest, len(requests))
        await asyncio.sleep(self._takes if requests else 0)
        return [self._answer(request) for request in requests]

    def _answer(self, request: BatchRequest) -> Obj | ApiError:
        name = request.path.split("/")[-1]
        if name == "status":
            self.statuses.append(request.path.split("/")[-2])
        elif name in self.absent:
            return ApiError(404, "NotFound", "no such lease")
        else:
            self.renewed[name].append(self._loop.time())
        return {}

    async def create(self, path: str, obj: Obj) -> Obj:
        self.absent.discard(obj["metadata"]["name"])
        self.renewed[obj["metadata"]["name"]].append(self._loop.time())
        return {}

    async def patch(self, path: str, patch: Any, content_type: str = "") -> Obj:
        return {}


class Starved:
    """A client whose every connection is busy for good."""

    async def create(self, path: str, obj: Obj) -> Obj:
        await asyncio.Event().wait()
        return {}

    patch = create


def node(name: str, status: Obj = READY) -> Obj:
    return {"metadata": {"name": name}, "spec": {}, "status": status}


def beat(seconds: float, names: list[str], *, takes: float = 0.0, **more: Any) -> Server:
    """A heartbeat of that long for nodes of these names."""
    loop = FastLoop()
    server = Server(loop, takes)
    server.absent = set(more.get("absent", ()))
    client: Any = Starved() if more.get("starved") else server
    config: Any = SimpleNamespace(nodes=0, node_address=lambda index: f"127.5.0.{index}")

    async def main() -> None:
        nodes = Nodes(config, client, server, WallClock(0, 1))  # type: ignore[arg-type]
        nodes.stopped = set(more.get("stopped", ()))
        for name in names:
            nodes.on_change("ADDED", node(name, more.get("status", READY)), None)
        task = asyncio.ensure_future(nodes.heartbeat())
        await asyncio.sleep(seconds)
        task.cancel()
        for left in asyncio.all_tasks() - {asyncio.current_task()}:
            left.cancel()

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    return server


def gaps(moments: list[float]) -> list[float]:
    return [later - sooner for sooner, later in pairwise(moments)]


def test_every_lease_is_renewed_each_ten_seconds() -> None:
    names = [f"n{number}" for number in range(7)]
    server = beat(100, names, starved=True)
    assert sorted(server.renewed) == names
    for moments in server.renewed.values():
        assert len(moments) >= 9
        assert max(gaps(moments)) <= RENEW + 2


def test_a_thousand_leases_go_out_in_small_batches_evenly_spread() -> None:
    server = beat(60, [f"n{number}" for number in range(1000)], starved=True)
    assert server.largest == BATCH
    assert len(server.renewed) == 1000
    assert max(max(gaps(moments)) for moments in server.renewed.values()) <= RENEW + 2


def test_a_slow_server_delays_leases_far_less_than_they_last() -> None:
    """A fifth of a second for each batch of twenty: a round takes all of its ten seconds."""
    server = beat(200, [f"n{number}" for number in range(1000)], takes=0.2, starved=True)
    assert max(max(gaps(moments)) for moments in server.renewed.values()) < LEASE_SECONDS / 2


def test_the_kubelets_other_requests_do_not_delay_a_lease() -> None:
    server = beat(25, ["n1"], starved=True)
    assert len(server.renewed["n1"]) == 2


def test_a_stopped_kubelet_renews_nothing() -> None:
    server = beat(60, ["n1", "n2"], stopped=["n2"], starved=True)
    assert sorted(server.renewed) == ["n1"]


def test_a_lease_that_was_deleted_is_made_again() -> None:
    server = beat(30, ["n1"], absent=["n1"])
    assert len(server.renewed["n1"]) >= 2
    assert not server.absent


def test_a_node_that_was_given_up_says_that_it_is_back() -> None:
    server = beat(25, ["n1"], status=LOST, starved=True)
    assert server.statuses == ["n1", "n1"]


def test_a_node_that_starts_reports_its_status_although_it_is_the_same() -> None:
    loop = FastLoop()
    server = Server(loop)
    config: Any = SimpleNamespace(nodes=0, node_address=lambda index: f"127.5.0.{index}")
    sent: list[Obj] = []

    async def main() -> None:
        nodes = Nodes(config, Starved(), server, WallClock(0, 1))  # type: ignore[arg-type]
        nodes.stopped = {"n"}
        nodes.on_change("ADDED", node("n", READY), None)
        sent.append(nodes._status("n", node("n", {"conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "long ago"}]})))  # fmt: skip
        nodes.start("n")
        await asyncio.sleep(1)
        for left in asyncio.all_tasks() - {asyncio.current_task()}:
            left.cancel()

    loop.run_until_complete(main())
    loop.close()
    assert server.statuses == ["n"]
    ready = next(c for c in sent[0]["status"]["conditions"] if c["type"] == "Ready")
    assert ready["lastTransitionTime"] == "long ago"
    assert ready["lastHeartbeatTime"] != "long ago"
