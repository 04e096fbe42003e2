"""Two runs, a dead run, a lost lock: nobody acts where another does, nothing stays changed."""

from __future__ import annotations

import copy
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.errors import Conflict, NotFound, Unreachable
from resilience.cluster.interface import CONFIGMAPS, LEASES, NAMESPACES, PODS, Object
from resilience.cluster.lease import ASK_EVERY, DURATION, GIVE_UP_AFTER, holder_of
from resilience.cluster.requests.request import Request
from resilience.cluster.transport import HttpCluster
from resilience.engine.guard.locks import Locks
from resilience.harness.sites.target_guard import LockLost, _locked
from resilience.verbs.context import Refused
from tests.cluster.test_lease import Leases as Renewable
from tests.cluster.test_lease import Time
from tests.harness.sandboxed import MANIFEST, POD, Inner, exists
from tests.real_cluster import resilience, scenarios

JOURNAL = "resilience-journal"
LOCK = "namespace-default"
DEADLINE = 60.0

CHANGE = """\
scenario: a mark is made
namespace: default
settle: 10ms
when:
  - apply: mark.yaml
  - sleep: {sleep}
then:
  - ready: all
"""


@pytest.fixture
def marked(folder: Path) -> Path:
    """A project whose one scenario makes a ConfigMap and then waits."""
    (folder / "kill.scenario.yaml").unlink()
    (folder / "mark.yaml").write_text(MANIFEST)
    (folder / "mark.scenario.yaml").write_text(CHANGE.format(sleep="60s"))
    return folder


@pytest.fixture(autouse=True)
def _clean(admin: HttpCluster) -> Iterator[None]:
    try:
        admin.create(NAMESPACES, {"metadata": {"name": JOURNAL}})
    except Conflict:
        pass
    yield
    if exists(admin):  # of a test that failed: the next one begins without it
        admin.delete(CONFIGMAPS, "mark", "default")
    for resource in (LEASES, CONFIGMAPS):
        for each in admin.list(resource, JOURNAL):
            if each["metadata"]["name"] != "kube-root-ca.crt":
                admin.delete(resource, each["metadata"]["name"], JOURNAL)


def lease(admin: HttpCluster) -> Object:
    return admin.get(LEASES, LOCK, JOURNAL)


def journals(admin: HttpCluster) -> list[Object]:
    return list(admin.list(CONFIGMAPS, JOURNAL, labels="resilience/run"))


def taken(admin: HttpCluster, who: str) -> None:
    """As another machine's run would hold it."""
    spec = {"holderIdentity": who, "leaseDurationSeconds": 30,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": "2026-01-01T00:00:00.000000Z"}  # fmt: skip
    body = {"metadata": {"name": LOCK, "namespace": JOURNAL}, "spec": spec}
    try:
        admin.create(LEASES, body, JOURNAL)
    except Conflict:
        admin.patch(LEASES, LOCK, {"spec": spec}, JOURNAL)


@contextmanager
def under_way(folder: Path, embedded: Embedded, admin: HttpCluster) -> Iterator[Inner]:
    """A run that has made its mark and waits."""
    with Inner(folder, f"--resilience-kubeconfig={embedded.kubeconfig}", "-p", "no:cacheprovider",
               "--resilience-lock-wait=1s", "mark.scenario.yaml") as inner:  # fmt: skip
        inner.wait_changed(admin)
        with admin.view(CONFIGMAPS, JOURNAL, labels="resilience/run") as written:
            assert written.wait(lambda found: bool(found) and len(found[0]["data"]) >= 3, DEADLINE)
        yield inner


def test_a_run_names_who_holds_the_lock_and_touches_nothing(
    marked: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    taken(admin, "run r1 of ann@ci")
    run = scenarios(marked, embedded.kubeconfig, "-q", "--resilience-lock-wait=0s", ".")
    assert run.returncode == 23, run.stdout
    assert "the lock resilience-journal/namespace-default is held by run r1 of ann@ci" in run.stdout
    assert not exists(admin)
    assert journals(admin) == []
    assert not list((marked / ".resilience/journal").glob("*"))


def test_a_run_waits_for_a_lock_that_is_given_back(
    marked: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    (marked / "mark.scenario.yaml").write_text(CHANGE.format(sleep="10ms"))
    taken(admin, "run r1 of ann@ci")
    with Inner(marked, f"--resilience-kubeconfig={embedded.kubeconfig}", "-q", ".") as inner:
        with admin.view(LEASES, JOURNAL) as view:
            admin.patch(LEASES, LOCK, {"spec": {"holderIdentity": ""}}, JOURNAL)
            assert view.wait(lambda found: _holder(found[0]).startswith("run "), DEADLINE)
        inner.end()
    assert "nothing was touched" not in inner.output


def _holder(obj: Object) -> str:
    return str(obj["spec"].get("holderIdentity") or "")


def test_a_lock_and_a_journal_are_held_while_a_run_acts_and_gone_after(
    marked: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    with under_way(marked, embedded, admin) as inner:
        assert _holder(lease(admin)).startswith("run ")
        [journal] = journals(admin)
        lines = [json.loads(text) for _, text in sorted(journal["data"].items())]
        assert lines[0]["op"] == "begin"
        assert lines[0]["locks"] == [LOCK]
        assert lines[1]["text"] == "delete ConfigMap default/mark"
        inner.send(signal.SIGTERM)
        inner.end()
    assert _holder(lease(admin)) == ""
    assert journals(admin) == []
    assert not exists(admin)


def test_a_killed_run_is_undone_at_once_where_it_is_known_to_be_dead(
    marked: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    with under_way(marked, embedded, admin) as inner:
        inner.send(signal.SIGKILL)
        inner.end()
    assert exists(admin)
    done = resilience(marked, "recover", "--kubeconfig", str(embedded.kubeconfig))
    assert done.returncode == 0, done.stdout
    assert "delete ConfigMap default/mark: done" in done.stdout
    assert not exists(admin)
    assert journals(admin) == []
    assert not list((marked / ".resilience/journal").glob("*.jsonl"))


def test_a_killed_run_is_undone_from_another_machine_once_its_lock_has_run_out(
    marked: Path, embedded: Embedded, admin: HttpCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with under_way(marked, embedded, admin) as inner:
        held = resilience(elsewhere, "recover", "--kubeconfig", str(embedded.kubeconfig),
                          "--lock-wait", "0s")  # fmt: skip
        assert held.returncode == 1
        assert "is held by run " in held.stdout
        assert exists(admin)
        inner.send(signal.SIGKILL)
        inner.end()
    # A lock that runs out after a second, so that this test need not wait for thirty.
    admin.patch(LEASES, LOCK, {"spec": {"leaseDurationSeconds": 1}}, JOURNAL)
    done = resilience(elsewhere, "recover", "--kubeconfig", str(embedded.kubeconfig))
    assert done.returncode == 0, done.stdout
    assert not exists(admin)
    # The dead machine comes back: what is undone is not undone once more.
    again = resilience(marked, "recover", "--kubeconfig", str(embedded.kubeconfig))
    assert (again.returncode, "done" in again.stdout) == (0, False)
    assert not list((marked / ".resilience/journal").glob("*.jsonl"))


def test_the_next_run_undoes_what_a_dead_holder_left_before_it_begins(
    marked: Path, embedded: Embedded, admin: HttpCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with under_way(marked, embedded, admin) as inner:
        inner.send(signal.SIGKILL)
        inner.end()
    admin.patch(LEASES, LOCK, {"spec": {"leaseDurationSeconds": 1}}, JOURNAL)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "next.scenario.yaml").write_text(
        "scenario: next\nsettle: 10ms\nwhen:\n  - sleep: 10ms\nthen:\n  - restarts: {pods: a=b}\n"
    )
    run = scenarios(elsewhere, embedded.kubeconfig, "next.scenario.yaml")
    assert "delete ConfigMap default/mark: done" in run.stdout
    assert not exists(admin)


def test_a_run_that_loses_its_lock_writes_nothing_more(
    marked: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    with under_way(marked, embedded, admin) as inner:
        [before] = journals(admin)
        taken(admin, "run r2 of bob@ci")
        assert inner.end() == 20, inner.output
    assert "was taken by run r2 of bob@ci" in inner.output, inner.output
    assert "left to the next holder of the lock" in inner.output
    assert exists(admin)
    [after] = journals(admin)
    assert after["data"] == before["data"]
    admin.patch(LEASES, LOCK, {"spec": {"holderIdentity": ""}}, JOURNAL)
    done = resilience(marked, "recover", "--kubeconfig", str(embedded.kubeconfig))
    assert done.returncode == 0, done.stdout
    assert not exists(admin)


HURRIED = """\
from resilience.cluster import lease
lease.DURATION, lease.RENEW_EVERY, lease.GIVE_UP_AFTER, lease.ANSWER_WITHIN = 3, 1.0, 2.0, 0.9
"""
"""For a project's conftest.py: locks run out within seconds, in the same proportions."""

STRIKE = """\
scenario: it strikes when it wakes
namespace: default
settle: 10ms
given:
  - apply: mark.yaml
when:
  - sleep: 3s
  - kill: {pods: app=quiet, count: 1, bare: true}
then:
  - ready: all
"""


def test_a_run_that_was_stopped_and_robbed_meanwhile_strikes_nobody_when_it_wakes(
    marked: Path, embedded: Embedded, admin: HttpCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """End to end, in real time: another run takes over after the three seconds of the lock."""
    (marked / "mark.scenario.yaml").write_text(STRIKE)
    (marked / "conftest.py").write_text(HURRIED)
    labelled = {**POD, "metadata": {"name": "quiet", "labels": {"app": "quiet"}}}
    quiet = admin.create(PODS, labelled, "default")
    try:
        with under_way(marked, embedded, admin) as sleeper:
            sleeper.send(signal.SIGSTOP)
            _take_over(tmp_path_factory.mktemp("elsewhere"), embedded)
            assert not exists(admin)
            taken(admin, "run r2 of bob@ci")
            sleeper.send(signal.SIGCONT)
            assert sleeper.end() == 25, sleeper.output
        assert "undone by the run that took the lock over" in sleeper.output
        assert "left in the cluster" not in sleeper.output
        assert "was taken by run r2 of bob@ci" in sleeper.output
        alive = admin.get(PODS, "quiet", "default")["metadata"]
        assert (alive["uid"], "deletionTimestamp" in alive) == (quiet["metadata"]["uid"], False)
        assert not exists(admin)
    finally:
        admin.delete(PODS, "quiet", "default", grace=0)


def _take_over(folder: Path, embedded: Embedded) -> None:
    """As another machine's run does: it waits until the lock has run out, and undoes first."""
    (folder / "next.scenario.yaml").write_text(
        "scenario: next\nnamespace: default\nsettle: 10ms\n"
        "when:\n  - sleep: 10ms\nthen:\n  - restarts: {pods: a=b}\n"
    )
    run = scenarios(folder, embedded.kubeconfig, "next.scenario.yaml")
    assert "delete ConfigMap default/mark: done" in run.stdout, run.stdout


def test_a_namespace_for_locks_is_made_where_there_is_none(
    marked: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    (marked / "mark.scenario.yaml").write_text(CHANGE.format(sleep="10ms"))
    with pytest.raises(NotFound):
        admin.get(NAMESPACES, "elsewhere")
    scenarios(marked, embedded.kubeconfig, "--resilience-journal-namespace=elsewhere", ".")
    assert admin.list(LEASES, "elsewhere")


def test_a_dead_holder_of_many_locks_is_watched_but_once() -> None:
    leases, time = Leases(), Time()
    names = ["namespace-a", "namespace-b", "nodes"]
    _locks(leases, names, "dead", time).acquire(0.0)
    began = time.now
    ours = _locks(leases, names, "ours", time)
    ours.acquire(DURATION * 1.5)
    assert time.now - began <= DURATION + ASK_EVERY
    assert {holder_of(each) for each in leases.stored.values()} == {"ours"}


def test_of_several_locks_all_are_taken_or_none() -> None:
    leases, time = Leases(), Time()
    _locks(leases, ["nodes"], "other", time).acquire(0.0)
    with pytest.raises(Refused, match="is held by other"):
        _locks(leases, ["namespace-a", "nodes"], "ours", time).acquire(0.0)
    assert holder_of(leases.stored["namespace-a"]) == ""


def test_who_was_silent_for_too_long_asks_before_the_next_write_whether_the_lock_is_still_ours(
    time: Time,
) -> None:
    leases: Any = Renewable()
    clock: Any = time
    told: list[str] = []
    locks = Locks(leases, "shop", ["resilience"], "ours", clock)
    locks.acquire(0.0)
    locks._on_lost = told.append  # as `keep` does, whose thread has not come to it yet
    leases._written({**leases.stored["resilience"], "spec": {"holderIdentity": "theirs"}})
    assert locks.still_ours()  # nobody can have taken it so soon
    time.now += GIVE_UP_AFTER
    assert not locks.still_ours()
    assert "was taken by theirs" in locks.lost
    assert told == [locks.lost]


def test_no_write_is_sent_once_the_lock_is_lost_and_reads_go_on(time: Time) -> None:
    leases, clock, sent = Leases(), time, list[str]()
    locks = _locks(leases, ["nodes"], "ours", clock)

    def send(request: Request) -> Object:
        sent.append(request.method)
        return {}

    through = _locked(lambda: False, locks, lambda call, onward: onward(call))
    through(Request("GET", "/api"), send)
    with pytest.raises(LockLost, match="DELETE /api was not sent"):
        through(Request("DELETE", "/api"), send)
    assert sent == ["GET"]


def test_an_api_server_that_is_away_is_waited_for_before_the_undo(time: Time) -> None:
    leases: Any = Renewable()
    clock: Any = time
    locks = Locks(leases, "shop", ["resilience"], "ours", clock)
    locks.acquire(0.0)
    locks.lost, leases.trouble = "silent", Unreachable("connection refused")
    time.after(10.0, lambda: setattr(leases, "trouble", None))
    assert locks.regain(45.0, clock)
    locks.release()
    assert not locks.lost


def test_a_lock_that_stays_with_another_is_asked_for_only_once(time: Time) -> None:
    leases: Any = Renewable()
    clock: Any = time
    locks = Locks(leases, "shop", ["resilience"], "ours", clock)
    locks.acquire(0.0)
    leases._written({**leases.stored["resilience"], "spec": {"holderIdentity": "theirs"}})
    locks.lost = "taken"
    assert not locks.regain(5.0, clock)
    began = time.now
    assert not locks.regain(5.0, clock)
    assert (time.now, locks.lost) == (began, "taken")


@pytest.fixture
def time() -> Time:
    return Time()


class Leases:
    """As much of a cluster as several Leases need."""

    def __init__(self) -> None:
        self.stored: dict[str, Object] = {}

    def get(self, resource: Any, name: str, namespace: str = "") -> Object:
        if name not in self.stored:
            raise NotFound(404, "not found")
        return copy.deepcopy(self.stored[name])

    def create(self, resource: Any, body: Object, namespace: str = "") -> Object:
        self.stored[body["metadata"]["name"]] = copy.deepcopy(body)
        return body

    def send(self, request: Request) -> Object:
        return self.create(LEASES, request.body)


def _locks(leases: Leases, names: list[str], who: str, time: Time) -> Locks:
    cluster: Any = leases
    clock: Any = time
    return Locks(cluster, JOURNAL, names, who, clock)
