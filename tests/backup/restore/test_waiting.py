"""A restore that waits says what is not ready yet, and why, and counts only what is its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resilience.backup.restore.outcome import Item, Outcome, RestoreReport
from resilience.backup.restore.waiting import Waited, wait_ready
from resilience.cluster.errors import ClusterError, Forbidden, Unreachable
from resilience.cluster.interface import DEPLOYMENTS, PODS, Object
from resilience.model.progress import Task, listening
from tests.backup.fakes import FakeClock, FakeCluster

WEB = ("deployments.apps", "web")


def deployment(name: str, *, ready: int = 0, **status: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "uid": f"u-{name}", "generation": 1},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}},
                 "template": {"metadata": {"labels": {"app": name}}}},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1,
                   "readyReplicas": ready, "availableReplicas": ready, **status},
    }  # fmt: skip


def pod(name: str, *, ready: bool, owner: str = "") -> Object:
    owners = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": owner, "controller": True,
               "uid": f"u-{owner}"}]  # fmt: skip
    waiting = {"reason": "ErrImagePull", "message": "no such image"}
    state: Any = {"state": {"running": {}}} if ready else {"state": {"waiting": waiting}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": f"u-{name}",
                     "ownerReferences": owners if owner else []},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": "main", **state}],
        },
    }  # fmt: skip


def report(*names: tuple[str, str], outcome: Outcome = Outcome.CREATED) -> RestoreReport:
    made = RestoreReport("back", "one")
    made.items += [Item(kind, "shop", name, outcome) for kind, name in names]
    return made


def cluster(*objects: Object) -> FakeCluster:
    made = FakeCluster()
    for each in objects:
        made.put(made.resource(each["apiVersion"], each["kind"]), each)
    return made


class Ticking(FakeClock):
    """Does something at each wait."""

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.act = act

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        self.act()


def waited(found: FakeCluster, *names: tuple[str, str], act: Any = lambda: None) -> Waited:
    return wait_ready(report(*names), found, clock=Ticking(act), within=30)


def test_it_ends_as_soon_as_everything_is_ready() -> None:
    found = cluster(deployment("web"), pod("web-1", ready=False, owner="web"))

    def served() -> None:
        found.put(DEPLOYMENTS, deployment("web", ready=1))
        found.put(PODS, pod("web-1", ready=True, owner="web"))

    done = waited(found, WEB, act=served)
    assert (done.missing, done.wanted, done.seconds) == ((), 1, 0.5)


def test_what_is_not_ready_is_named_with_its_pods_and_why() -> None:
    done = waited(cluster(deployment("web"), pod("web-1", ready=False, owner="web")), WEB)
    (line,) = done.missing
    assert line.startswith("Deployment shop/web: ")
    assert line.endswith("Pod shop/web-1 is not ready (main: ErrImagePull: no such image)")
    assert done.seconds == pytest.approx(30)


def test_what_the_restore_did_not_bring_is_not_waited_for() -> None:
    found = cluster(deployment("web", ready=1), pod("web-1", ready=True, owner="web"),
                    deployment("other"), pod("other-1", ready=False, owner="other"),
                    pod("bare", ready=False))  # fmt: skip
    assert waited(found, WEB).missing == ()
    (line,) = waited(found, WEB, ("pods", "bare")).missing
    assert line.startswith("Pod shop/bare is not ready")


def test_what_can_never_be_ready_is_not_waited_for() -> None:
    stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    done = waited(cluster(deployment("web", conditions=[stuck])), WEB)
    assert done.final
    assert done.seconds == 0


def test_a_workload_that_is_deleted_while_waited_for_is_missing() -> None:
    assert waited(cluster(), WEB).missing == ("Deployment shop/web: it was deleted",)


class Failing(FakeCluster):
    """Reading fails so often, then succeeds."""

    def __init__(self, error: ClusterError, times: int) -> None:
        super().__init__()
        self.error, self.times = error, times

    def list(self, *given: Any, **named: Any) -> Any:
        if self.times:
            self.times -= 1
            raise self.error
        return super().list(*given, **named)


def test_an_api_server_that_is_away_for_a_while_does_not_lose_the_report() -> None:
    away = Failing(Unreachable("connection refused"), times=3)
    away.put(DEPLOYMENTS, deployment("web", ready=1))
    away.put(PODS, pod("web-1", ready=True, owner="web"))
    done = waited(away, WEB)
    assert (done.missing, done.seconds) == ((), 1.5)


@pytest.mark.parametrize(
    ("error", "seconds"), [(Unreachable("refused"), 30), (Forbidden(403, "daemonsets"), 0)]
)
def test_what_cannot_be_read_is_told_and_nobody_waits_for_a_permission(
    error: ClusterError, seconds: float
) -> None:
    done = waited(Failing(error, times=1000), WEB)
    (line,) = done.missing
    assert line == f"Deployment shop/web: whether it is ready cannot be read: {error}"
    assert done.seconds == pytest.approx(seconds)


@pytest.mark.parametrize("outcome", [Outcome.LEFT, Outcome.FAILED, Outcome.WOULD_CREATE])
def test_what_was_not_written_is_not_waited_for(outcome: Outcome) -> None:
    done = wait_ready(report(WEB, outcome=outcome), cluster(), clock=Ticking(), within=30)
    assert (done.wanted, done.missing) == (0, ())


def test_progress_says_how_many_of_how_many() -> None:
    found = cluster(deployment("web"), deployment("db", ready=1), pod("web-1", ready=False,
                    owner="web"), pod("db-1", ready=True, owner="db"))  # fmt: skip
    told: list[Any] = []

    class Listening:
        def __init__(self, task: Task) -> None:
            told.append((task.what, task.total))

        def __enter__(self) -> Any:
            return told.append

        def __exit__(self, *error: object) -> None:
            told.append("end")

    def served() -> None:
        found.put(DEPLOYMENTS, deployment("web", ready=1))
        found.put(PODS, pod("web-1", ready=True, owner="web"))

    with listening(Listening):
        waited(found, WEB, ("deployments.apps", "db"), act=served)
    assert told == [("wait until ready", 2), 1, 1, "end"]


def test_a_workload_whose_pods_are_refused_says_why() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
               "message": "exceeded quota: small"}  # fmt: skip
    refused = deployment("web", conditions=[failure], replicas=0)
    found = wait_ready(report(WEB), cluster(refused), clock=FakeClock(), within=1.0)
    [line] = found.missing
    assert line.endswith("; its Pods are refused: exceeded quota: small")
    failure["status"] = "False"
    found = wait_ready(report(WEB), cluster(refused), clock=FakeClock(), within=1.0)
    assert "refused" not in found.missing[0]
