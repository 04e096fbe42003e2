"""Several agents by the API's protocol: journalled before, one Job and one Secret, undone after."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from resilience.cluster.errors import ApiError, NotFound
from resilience.cluster.helper_pods import AGENT_OF as FLEET
from resilience.cluster.interface import JOBS, NODES, SECRETS, Object, Resource
from resilience.model.values import RunId
from resilience.probes.fleet.fleet import Fleet, FleetLog
from resilience.probes.fleet.fleet_job import INDEX, ZONE, FleetSite
from resilience.probes.prober.incluster import remove

INTERVAL = 0.2
SITE = FleetSite(namespace="shop", name="p1", run=RunId("r1"), agents=2)


def lines(start: float, count: int) -> list[Mapping[str, Any]]:
    rows = [[seq, 0, 1000, 0] for seq in range(count)]
    return [
        {"version": 1, "start": start, "interval": INTERVAL, "answers": ["GOOD"]},
        {"samples": rows, "at": round(count * INTERVAL * 1e6)},
        {"end": {"planned": count, "remarks": {"10.0.0.2 refused": count}}},
    ]


def pod(index: int, node: str) -> Object:
    return {
        "metadata": {"name": f"p1-{index}", "namespace": "shop", "uid": f"u{index}",
                     "labels": {FLEET: "p1"}, "annotations": {INDEX: str(index)}},
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": "Pending", "conditions": [{"message": "0/3 nodes are available"}]},
    }  # fmt: skip


class Cluster:
    """Plays the API server: it makes these Pods of the Job. Deleting it deletes them, which ends
    their logs; if `late`, the garbage collector does so once the fleet waits for it."""

    def __init__(self, *pods: Object, gone: Sequence[str] = (), late: bool = False) -> None:
        self.pods, self.gone, self.late = list(pods), gone, late
        self.requests: list[tuple[str, Resource]] = []
        self.bodies: dict[Resource, Object] = {}
        self.stopped = threading.Event()
        self.run = RunId("r1")
        self.undo: Mapping[str, Any] = {}
        self.zones: dict[str, Mapping[str, str]] = {"node-1": {}, "node-2": {}}

    @property
    def cluster(self) -> Any:
        return self

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        assert not self.requests, "recorded only after the change"
        assert text == "remove 2 probers shop/p1"
        self.undo = data
        return "1"

    def create(self, resource: Resource, body: Object, namespace: str = "") -> Object:
        assert self.undo, "changed before it was recorded"
        self.requests.append(("create", resource))
        self.bodies[resource] = body
        return body

    def delete(self, resource: Resource, name: str, namespace: str = "") -> Object:
        assert (name, namespace) == ("p1", "shop")
        self.requests.append(("delete", resource))
        if not self.late:
            self._collect()
        return {}

    def wait(self, holds: Callable[[Sequence[Object]], bool], timeout: float) -> bool:
        if not holds(self.pods):
            self._collect()
        assert holds(self.pods), "it waits for what nobody will delete"
        return True

    def _collect(self) -> None:
        for each in self.pods:
            if each["status"]["phase"] != "Failed" and each["metadata"]["labels"][FLEET] == "p1":
                each["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        self.stopped.set()

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        if self.stopped.is_set() or name in self.gone:
            raise NotFound(404, "gone")
        if resource is NODES:
            return {"metadata": {"labels": self.zones[name]}}
        return {"status": {"phase": "Running"}}

    def objects(self) -> Sequence[Object]:
        return self.pods

    @contextmanager
    def logs(self, name: str, namespace: str, query: object = None) -> Iterator[Iterator[bytes]]:
        if name in self.gone:
            raise NotFound(404, "gone")
        yield self._play(lines(100.0 + float(name[-1]), 20))

    def _play(self, script: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
        for piece in script:
            if "end" in piece:
                assert self.stopped.wait(60)
            yield json.dumps(piece).encode()


Start = Callable[[Cluster], tuple[Fleet, FleetLog]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Fleet] = []

    def begin(cluster: Cluster) -> tuple[Fleet, FleetLog]:
        log = FleetLog(SITE.agents)
        made: Any = cluster
        given = {"rate": 10.0, "timeout": 0.1, "kind": "http"}
        fleet = Fleet(SITE, made, made, given, log, lambda: None)
        started.append(fleet)
        return fleet, log

    yield begin
    for fleet in started:
        fleet.stop()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it never happened"
        threading.Event().wait(0.005)


def test_the_job_is_journalled_first_and_removed_with_its_secret(start: Start) -> None:
    cluster = Cluster(pod(0, "node-1"), pod(1, "node-2"))
    fleet, log = start(cluster)
    until(lambda: len(log) == 40)
    fleet.stop()
    assert cluster.requests == [("create", SECRETS), ("create", JOBS), ("delete", JOBS),
                                ("delete", SECRETS)]  # fmt: skip
    assert (fleet.trouble, fleet.where) == ("", "one of the nodes node-1, node-2")
    remove(cluster.undo, cluster)  # type: ignore[arg-type]  # as the journal does it
    assert cluster.requests[-2:] == [("delete", JOBS), ("delete", SECRETS)]


def test_agents_on_one_node_are_late_together(start: Start) -> None:
    fleet, log = start(Cluster(pod(0, "node-1"), pod(1, "node-1")))
    until(lambda: len(log) == 40)
    fleet.stop()
    assert fleet.where == "node node-1"


def test_each_agent_sends_its_share_and_takes_turns(start: Start) -> None:
    cluster = Cluster()
    fleet, _ = start(cluster)
    assert fleet.where == "one of the nodes of Job shop/p1"
    told = json.loads(cluster.bodies[SECRETS]["stringData"]["probe.json"])
    assert (told["rate"], told["turns"]) == (5.0, 2)


def test_the_pods_are_spread_over_nodes_and_zones_and_the_job_ends_by_itself() -> None:
    spec = SITE.job(3)["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    spreads = spec["template"]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spreads] == ["kubernetes.io/hostname"]
    apart = spec["template"]["spec"]["affinity"]["podAntiAffinity"]
    [preferred] = apart["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred["podAffinityTerm"]["topologyKey"] == "topology.kubernetes.io/zone"
    labels = spec["template"]["metadata"]["labels"]
    assert all(each["labelSelector"]["matchLabels"].items() <= labels.items() for each in spreads)
    assert all(each["whenUnsatisfiable"] == "ScheduleAnyway" for each in spreads)
    assert spec["activeDeadlineSeconds"] > 0
    assert spec["ttlSecondsAfterFinished"] > 0
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_it_is_steady_when_every_agent_is(start: Start) -> None:
    cluster = Cluster(pod(0, "node-1"), pod(1, ""))
    fleet, log = start(cluster)
    until(lambda: len(log) == 20)
    assert log.streak == 0
    assert fleet.waiting == ("1 of 2 agents of p1 have not begun: agent 2: 0/3 nodes are available")
    cluster.pods[1] = pod(1, "node-2")
    until(lambda: log.streak == 20)
    assert (fleet.waiting, log.good) == ("", 40)


def test_the_trouble_of_one_agent_is_not_the_fleets(start: Start) -> None:
    cluster = Cluster(pod(0, "node-1"), pod(1, "node-2"), gone=["p1-1"])
    fleet, log = start(cluster)
    until(lambda: bool(len(log.agents) == 2 and log.agents[1].lines.trouble))
    assert fleet.trouble == ""
    told = fleet.cost["agents"]
    assert [each["node"] for each in told] == ["node-1", "node-2"]
    assert "was removed by someone" in told[1]["trouble"]


def test_where_no_agent_can_be_believed_the_fleet_says_why(start: Start) -> None:
    cluster = Cluster(pod(0, "node-1"), pod(1, "node-2"), gone=["p1-0", "p1-1"])
    fleet, _ = start(cluster)
    until(lambda: "was removed by someone" in fleet.trouble)


def test_each_agent_names_its_node_and_its_zone(start: Start) -> None:
    labelled = pod(1, "node-2")
    labelled["metadata"]["labels"][ZONE] = "b"
    cluster = Cluster(pod(0, "node-1"), labelled)
    cluster.zones = {"node-1": {ZONE: "a"}}  # node-2 is never asked for: its Pod says it
    fleet, log = start(cluster)
    until(lambda: len(log) == 40)
    assert {(each.node, each.zone) for each in log.measured()} == {("node-1", "a"), ("node-2", "b")}
    assert [each["zone"] for each in fleet.cost["agents"]] == ["a", "b"]


def test_nodes_that_may_not_be_read_have_no_zone(start: Start) -> None:
    cluster = Cluster(pod(0, "node-1"), pod(1, "node-2"))

    def refuse(resource: Resource, name: str, namespace: str = "") -> Object:
        if resource is NODES:
            raise ApiError(403, "nodes is forbidden")
        return {"status": {"phase": "Running"}}

    cluster.get = refuse  # type: ignore[method-assign]
    _, log = start(cluster)
    until(lambda: len(log) == 40)
    assert [each.zone for each in log.measured()] == ["", ""]
    cluster.get = Cluster.get.__get__(cluster)  # type: ignore[method-assign]


def test_the_grace_of_an_agent_begins_when_the_garbage_collector_deletes_its_pod(
    start: Start,
) -> None:
    failed, others = pod(1, "node-2"), pod(0, "node-1")
    failed["status"]["phase"] = "Failed"
    others["metadata"] |= {"name": "p2-0", "uid": "u9", "labels": {FLEET: "p2"}}
    cluster = Cluster(pod(0, "node-1"), failed, others, late=True)
    fleet, log = start(cluster)
    until(lambda: len(log) == 40)
    fleet.stop()
    assert [each["trouble"] for each in fleet.cost["agents"]] == ["", ""]
