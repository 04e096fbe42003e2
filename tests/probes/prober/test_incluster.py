"""A prober in a Pod: read through its log, whatever happens to the log; gone when the run is."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resilience.cluster.errors import ClusterError, Invalid, NotFound, Unreachable
from resilience.cluster.interface import PODS, SECRETS, Means, Object, Resource
from resilience.model.values import RunId
from resilience.probes.prober.incluster import PodProber, Site, remove
from resilience.probes.prober.launch import launcher
from resilience.probes.prober.news import News
from resilience.probes.prober.samples import SampleLog

BEGIN = {"version": 1, "start": 50.0, "wall": 0, "interval": 0.1, "answers": ["GOOD", "REFUSED"]}
END = {"end": {"planned": 3, "cpu": 0.1, "rss": 1}}
Piece = Mapping[str, Any] | ClusterError


def samples(first: int, last: int, answer: int = 0) -> dict[str, Any]:
    rows = [[seq, 0, 1000, answer] for seq in range(first, last + 1)]
    return {"samples": rows, "at": last * 100_000 + 1000}


class Cluster:
    """Plays the API server: each read of the log gets the next script; deleting ends the last."""

    def __init__(self, *scripts: Sequence[Piece], waiting: str = "") -> None:
        self.scripts = list(scripts)
        self.waiting = waiting
        self.made: list[tuple[Resource, Object]] = []
        self.deleted: list[tuple[Resource, str]] = []
        self.stopped = threading.Event()
        self.undos: list[str] = []
        self.run = RunId("r1")

    @property
    def cluster(self) -> Any:
        return self

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        assert not self.made, "recorded only after the change"
        self.undos.append(text)
        return "1"

    def create(self, resource: Resource, body: Object, namespace: str = "") -> Object:
        assert self.undos, "changed before it was recorded"
        self.made.append((resource, body))
        return body

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        if self.stopped.is_set():
            raise NotFound(404, "gone")
        state = {"waiting": {"reason": self.waiting, "message": "no such image"}}
        return {
            "spec": {"nodeName": "n-2"},
            "status": {"phase": "Pending", "containerStatuses": [{"state": state}]},
        }

    def delete(self, resource: Resource, name: str, namespace: str = "") -> Object:
        self.deleted.append((resource, name))
        self.stopped.set()
        return {}

    @contextmanager
    def logs(self, pod: str, namespace: str, query: object = None) -> Iterator[Iterator[bytes]]:
        assert (pod, namespace) == ("p1", "shop")
        script = self.scripts.pop(0) if self.scripts else [NotFound(404, "gone")]
        yield self._play(script)

    def _play(self, script: Sequence[Piece]) -> Iterator[bytes]:
        for piece in script:
            if isinstance(piece, ClusterError):
                raise piece
            if "end" in piece:
                assert self.stopped.wait(60)
            yield json.dumps(piece).encode()


Start = Callable[[Cluster], tuple[PodProber, SampleLog]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[PodProber] = []

    def begin(cluster: Cluster) -> tuple[PodProber, SampleLog]:
        log = SampleLog()
        site = Site(namespace="shop", name="p1", run=cluster.run)
        prober = PodProber(site, cluster, {"timeout": 0.1}, log, lambda: None)
        started.append(prober)
        return prober, log

    yield begin
    for prober in started:
        prober.stop()


def test_its_cluster_says_which_image_it_runs_and_with_which_priority() -> None:
    cluster: Any = Cluster([BEGIN, END])
    cluster.means = Means(helper_image="mirror/python:3", real_time_prober=True)
    cluster.view = lambda resource, namespace: SimpleNamespace(objects=list)
    cluster.logs = lambda pod, namespace, query=None: nullcontext(iter(()))
    launch = launcher(cluster, "pod", "shop", service=True)
    launch({"timeout": 0.1}, SampleLog(), lambda: None).stop()
    [container] = dict(cluster.made)[PODS]["spec"]["containers"]
    assert container["image"] == "mirror/python:3"
    assert container["securityContext"]["capabilities"]["add"] == ["SYS_NICE"]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it never happened"
        threading.Event().wait(0.005)


def test_what_the_pod_writes_becomes_samples(start: Start) -> None:
    cluster = Cluster([BEGIN, samples(0, 2), END])
    prober, log = start(cluster)
    until(lambda: len(log) == 3)
    prober.stop()
    assert (log.good, prober.trouble, prober.where) == (3, "", "node n-2")
    assert prober.cost["planned"] == 3


def test_a_log_that_breaks_is_read_again_and_nothing_counts_twice(start: Start) -> None:
    cluster = Cluster(
        [BEGIN, samples(0, 2), Unreachable("reset")],
        [Unreachable("refused")],
        [BEGIN, samples(0, 2), samples(3, 5, answer=1), END],
    )
    prober, log = start(cluster)
    until(lambda: len(log) == 6)
    prober.stop()
    assert (log.good, log.streak, prober.trouble) == (3, 0, "")


def test_a_pod_that_is_still_starting_is_waited_for(start: Start) -> None:
    not_yet = Invalid(400, "container is waiting to start: ContainerCreating")
    cluster = Cluster([not_yet], [not_yet], [BEGIN, samples(0, 0), END], waiting="Creating")
    prober, log = start(cluster)
    until(lambda: len(log) == 1)
    prober.stop()
    assert prober.trouble == ""


def test_a_pod_whose_node_is_not_known_is_named_itself(start: Start) -> None:
    cluster = Cluster([])
    cluster.stopped.set()
    assert start(cluster)[0].where == "the node of Pod shop/p1"


def test_a_pod_that_will_never_start_says_why(start: Start) -> None:
    cluster = Cluster([Invalid(400, "waiting")], waiting="ImagePullBackOff")
    prober, _ = start(cluster)
    assert prober.wait(60)
    assert "does not start: ImagePullBackOff: no such image" in prober.trouble


def test_a_pod_that_somebody_removed_is_no_silence(start: Start) -> None:
    cluster = Cluster([BEGIN, samples(0, 2), NotFound(404, "gone")])
    cluster.stopped.set()
    prober, _ = start(cluster)
    assert prober.wait(60)
    assert "was removed by someone" in prober.trouble


def test_a_kubelet_that_has_not_heard_of_the_pod_yet_is_waited_for(start: Start) -> None:
    unknown = NotFound(404, "the server could not find the requested resource ( pods/log p1)")
    cluster = Cluster([unknown], [], [BEGIN, samples(0, 0), END], waiting="ContainerCreating")
    prober, log = start(cluster)
    until(lambda: len(log) == 1)
    prober.stop()
    assert prober.trouble == ""


def test_lines_that_never_came_are_no_pass(start: Start) -> None:
    prober, _ = start(Cluster([BEGIN, samples(0, 2), Unreachable("cut")]))
    prober.stop()
    assert "last lines never arrived" in prober.trouble


def test_both_objects_are_journalled_first_and_removed_at_the_end(start: Start) -> None:
    cluster = Cluster([BEGIN, END])
    prober, _ = start(cluster)
    prober.stop()
    assert [resource for resource, _ in cluster.made] == [SECRETS, PODS]
    assert cluster.deleted == [(PODS, "p1"), (SECRETS, "p1")]


def test_the_undo_is_content_with_what_is_gone_already() -> None:
    class Gone:
        def delete(self, *_: Any) -> Object:
            raise NotFound(404, "gone")

    remove({"name": "p1", "namespace": "shop"}, Gone())  # type: ignore[arg-type]


def test_the_pod_meets_pod_security_restricted() -> None:
    pod = Site(namespace="shop", name="p1", run=RunId("r1")).pod(3)
    spec = pod["spec"]
    [container] = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["automountServiceAccountToken"] is False


def test_certificates_to_trust_travel_with_the_agent(tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_text("PEM")
    site = Site(namespace="shop", name="p1", run=RunId("r1"))
    texts = site.secret({"ca": str(tmp_path / "own.pem")})["stringData"]
    assert texts["ca.crt"] == "PEM"
    assert json.loads(texts["probe.json"])["ca"] == "/probe/ca.crt"


def test_another_machines_clock_is_moved_to_ours_by_the_fastest_line() -> None:
    """Its clock shows 50 where ours shows 1000; lines travel for 0.3, 0.02 and 0.5 s."""
    log = SampleLog()
    news = News(log)
    news.take(json.dumps(BEGIN).encode(), 1000.0 + 0.3)
    news.take(json.dumps(samples(0, 1)).encode(), 1000.0 + 0.101 + 0.02)
    news.take(json.dumps(samples(2, 3)).encode(), 1000.0 + 0.301 + 0.5)
    assert log.start == pytest.approx(1000.02)
    assert log[3].intended == pytest.approx(1000.32)


def test_our_own_clock_is_left_alone() -> None:
    log = SampleLog()
    news = News(log)
    news.take(json.dumps(BEGIN).encode())
    news.take(json.dumps(samples(0, 1)).encode())
    assert log.start == 50.0
