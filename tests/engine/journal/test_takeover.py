"""What a run that died left in the cluster is undone by whoever comes next, on any machine: under
all of its locks, once it is known to be dead, and only if the journal is one of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import CONFIGMAPS, DEPLOYMENTS, LEASES, NAMESPACES, Cluster
from resilience.cluster.lease import DURATION, RENEW_EVERY, holder_of
from resilience.engine.base.abort import Aborter
from resilience.engine.guard.identity import identity
from resilience.engine.guard.locks import Locks
from resilience.engine.journal import journal_configmap, takeover
from resilience.engine.journal.journal import Journal
from resilience.engine.journal.journal_configmap import NAMESPACE, RUN_LABEL, JournalMap
from resilience.engine.journal.recover import Kind, Recovered
from resilience.engine.journal.takeover import (
    Place,
    forget_undone_elsewhere,
    recover,
    under_locks,
)
from resilience.model.values import RunId
from resilience.verbs.catalogue import catalogue
from resilience.verbs.context import Refused
from tests.engine.helpers import World, scaling, world

WATCH = DURATION * 1.5
BOTH = ("namespace-shop", "nodes")


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world()
    made.cluster.serve(LEASES)
    made.directory = tmp_path
    made.deploy()
    made.cluster.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    return made


def place(
    here: World, acting: Callable[[Sequence[str]], Cluster] | None = None, **more: bool
) -> Place:
    return Place(cluster=here.cluster, namespace=NAMESPACE, verbs=catalogue(), clock=here.clock,
                 aborter=Aborter(), directory=here.directory, acting=acting, **more)  # fmt: skip


def replicas(here: World) -> int:
    return int(here.cluster.find(DEPLOYMENTS, "shop")[0]["spec"]["replicas"])


def holders(here: World) -> list[str]:
    return [holder_of(lease) for lease in here.cluster.find(LEASES, NAMESPACE)]


def died(here: World, locks: Sequence[str] = BOTH, run: str = "r1") -> Locks:
    """A run of another machine that scaled web from 3 to 1 and is not heard of any more."""
    held = Locks(here.cluster, NAMESPACE, locks, f"run {run} of ann@ci", here.clock)
    held.acquire(0.0)
    journal = Journal([JournalMap(here.cluster, run)])
    journal.begin({"run": run, "cluster": identity(here.cluster), "locks": list(locks),
                   "holder": held.who})  # fmt: skip
    data = scaling(here.cluster.find(DEPLOYMENTS, "shop")[0], 3, 1)
    journal.record("scale", "when[0]", data, "scale web back to 3")
    here.cluster.change(DEPLOYMENTS, "shop", "web", lambda o: o["spec"].update(replicas=1))
    return held


def recovered(here: World, wait: float = WATCH, **more: Any) -> tuple[list[Recovered], list[str]]:
    told: list[str] = []
    return recover(place(here, **more), wait=wait, tell=told.append), told


def test_a_silent_run_is_watched_for_one_lease_then_undone_under_all_its_locks(here: World) -> None:
    died(here)
    began = here.clock.now
    [result], told = recovered(here)
    assert result.lines == ["run r1: scale web back to 3: done"]
    assert replicas(here) == 3
    assert DURATION <= here.clock.now - began <= DURATION + 5
    assert told == [
        "run r1 left a journal in the cluster; watching for up to 30 s whether it is still alive"
    ]
    assert holders(here) == ["", ""]
    assert not here.cluster.find(CONFIGMAPS, NAMESPACE)


def test_without_a_journal_nothing_is_waited_for(here: World) -> None:
    began = here.clock.now
    assert recovered(here) == ([], [])
    assert here.clock.now - began < 0.1


def test_several_dead_runs_are_watched_together(here: World) -> None:
    for run, lock in (("r1", "namespace-a"), ("r2", "namespace-b")):
        died(here, [lock], run)
    began = here.clock.now
    results, _ = recovered(here)
    assert len(results) == 2
    assert here.clock.now - began <= DURATION + 5


def test_a_run_that_renews_is_left_alone_and_weighs_nothing(here: World) -> None:
    held = died(here)
    began = here.clock.now

    def renew() -> None:
        for lock in held._held:
            lock.renew()

    for turn in (1, 2, 3, 4):
        here.clock.after(turn * RENEW_EVERY, renew)
    [result], _ = recovered(here)
    assert (result.kind, result.weighs, replicas(here)) == (Kind.LIVES, False, 1)
    assert "is still at work" in result.skipped
    assert here.clock.now - began <= RENEW_EVERY + 2


def test_a_second_dead_holder_is_found_out_too(here: World) -> None:
    """Run r1 is known to be dead here; whoever took its lock from it has died as well."""
    died(here)
    for lock in here.cluster.find(LEASES, NAMESPACE):
        lock["spec"]["holderIdentity"] = "run r2 of bob@ci"
        here.cluster.put(LEASES, lock)
    begin = {"op": "begin", "run": "r1", "cluster": identity(here.cluster), "journal": NAMESPACE,
             "holder": "run r1 of ann@ci"}  # fmt: skip
    (here.directory / "r1.jsonl").write_text(json.dumps(begin) + "\n")
    [result], _ = recovered(here)
    assert result.undone == ("scale web back to 3",)
    assert not list(here.directory.glob("*.jsonl"))


def test_a_run_that_holds_one_of_the_locks_takes_the_others_too(here: World) -> None:
    died(here)
    with here.cluster._lock:  # ours by now, as a run that waited for it took it
        lease = here.cluster.have(LEASES, "namespace-shop", NAMESPACE)
        lease["spec"]["holderIdentity"] = "ours"
    [result] = under_locks(place(here), RunId("next"), ["namespace-shop"], print)
    assert result.undone == ("scale web back to 3",)
    assert replicas(here) == 3


def test_what_could_not_be_undone_weighs_and_stays(here: World) -> None:
    died(here)
    here.cluster.faults.append(
        lambda method, path: Forbidden(403, "no") if (method, "scale" in path) == ("PATCH", True)
        else None)  # fmt: skip
    [result], _ = recovered(here)
    assert (result.weighs, result.left) == (True, ("scale web back to 3: no",))
    assert here.cluster.find(CONFIGMAPS, NAMESPACE)


def test_what_somebody_changed_since_weighs_once_and_is_forced_or_forgotten_by_name(
    here: World,
) -> None:
    died(here)
    here.cluster.change(DEPLOYMENTS, "shop", "web", lambda o: o["spec"].update(replicas=6))
    [first], _ = recovered(here)
    assert (first.weighs, replicas(here)) == (True, 6)
    assert "spec.replicas is 6, and this run set 1 (before: 3)" in first.lines[0]
    assert "resilience recover r1 --force" in first.lines[0]
    [second], told = recovered(here)
    assert (second.weighs, second.lines, told) == (False, first.lines, [])
    [forced], _ = recovered(here, force=True)
    assert (forced.complete, replicas(here)) == (True, 3)
    assert recovered(here) == ([], [])


def test_what_somebody_changed_since_is_accepted_by_forget(here: World) -> None:
    died(here)
    here.cluster.change(DEPLOYMENTS, "shop", "web", lambda o: o["spec"].update(replicas=6))
    recovered(here)
    [result], _ = recovered(here, forget=True)
    assert (result.complete, replicas(here)) == (True, 6)
    assert not here.cluster.find(CONFIGMAPS, NAMESPACE)


# ----- journals of unknown origin


def forged(here: World, *lines: Any, run: str = "x-1") -> None:
    """Written by someone who may create ConfigMaps in the journal's namespace."""
    data = {f"{number:06d}.json": text if isinstance(text, str) else json.dumps(text)
            for number, text in enumerate(lines, 1)}  # fmt: skip
    meta = {"name": f"{run}-1", "namespace": NAMESPACE, "labels": {RUN_LABEL: run}}
    here.cluster.put(CONFIGMAPS, {"metadata": meta, "data": data})


def begun(here: World, **more: Any) -> dict[str, Any]:
    begin = {"op": "begin", "run": "x-1", "cluster": identity(here.cluster), "wall": 1.0,
             "locks": ["namespace-shop"], "holder": "run x-1 of eve@ci"}  # fmt: skip
    return begin | more


def undo(here: World, **more: Any) -> dict[str, Any]:
    data = scaling(here.cluster.find(DEPLOYMENTS, "shop")[0], 0, 3)
    return {"op": "undo", "id": "u1", "verb": "scale", "path": "", "data": data,
            "text": "tidy up", **more}  # fmt: skip


BAD: Sequence[tuple[dict[str, Any], str]] = (
    ({"locks": []}, "names no locks"),
    ({"locks": 7}, "`locks` is 7, expected a list of names of locks"),
    ({"locks": ["everything"]}, "expected a list of names of locks"),
    ({"locks": ["namespace-../kube-system"]}, "expected a list of names of locks"),
    ({"cluster": "another uid"}, "written on another cluster"),
    ({"cluster": ["a"]}, "`cluster` is ['a'], expected a text"),
    ({"run": {}}, "`run` is {}, expected the id of a run"),
    ({"run": "r9"}, "its content names another run: r9"),
    ({"holder": 3}, "`holder` is 3"),
    ({"ephemeral": "yes"}, "`ephemeral` is 'yes', expected true or false"),
)


@pytest.mark.parametrize(("more", "why"), BAD, ids=[why for _, why in BAD])
def test_a_journal_of_another_form_undoes_nothing_and_is_reported_by_name(
    here: World, more: dict[str, Any], why: str
) -> None:
    forged(here, begun(here, **more), undo(here))
    [result], told = recovered(here)
    assert (replicas(here), told) == (3, [])
    assert (result.kind, result.weighs) == (Kind.IGNORED, False)
    assert "run x-1: its journal is left alone: " in result.lines[0]
    assert why in result.lines[0]


LINES: Sequence[Any] = (
    [1], 7, None, "{", {"op": []}, {"op": "undo", "id": 1},
    {"op": "undo", "id": "u1", "verb": "scale", "data": [1]},
)  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_bad_line_stops_nothing_and_what_follows_is_not_believed(here: World, line: Any) -> None:
    forged(here, begun(here), line, undo(here))
    died(here, run="r1", locks=["namespace-shop"])
    results, _ = recovered(here)
    assert replicas(here) == 3
    assert [each.undone for each in results if each.run == "r1"] == [("scale web back to 3",)]
    assert any("line 2 is damaged" in text for each in results for text in each.lines)


def test_a_damaged_journal_weighs_once_is_listed_then_and_goes_by_name(here: World) -> None:
    forged(here, begun(here), undo(here), [1], undo(here))
    for news in (True, False, False):
        [result], _ = recovered(here)
        assert replicas(here) == 0
        assert result.weighs is news
        assert any("line 3 is damaged" in line for line in result.lines)
        assert any("resilience recover x-1 --forget" in line for line in result.lines)
    [result], _ = recovered(here, forget=True)
    assert not result.left
    assert not here.cluster.find(CONFIGMAPS, NAMESPACE)
    assert recovered(here) == ([], [])


def test_what_a_damaged_journal_could_not_undo_weighs_each_time(here: World) -> None:
    forged(here, begun(here), undo(here), [1])

    def refuses(method: str, path: str) -> Exception | None:
        return Forbidden(403, "no") if method == "PATCH" and "deployments" in path else None

    here.cluster.faults.append(refuses)
    for _ in range(2):
        [result], _ = recovered(here)
        assert result.weighs


def test_a_journal_without_a_first_line_is_reported(here: World) -> None:
    forged(here, undo(here))
    [result], _ = recovered(here)
    assert (replicas(here), result.kind) == (3, Kind.IGNORED)


def test_what_consent_does_not_cover_now_is_left_alone_and_reported(here: World) -> None:
    def refuse(locks: Sequence[str]) -> Cluster:
        raise Refused(f"nothing allows acting under {', '.join(locks)}")

    forged(here, begun(here), undo(here))
    [result], _ = recovered(here, acting=refuse)
    assert (replicas(here), result.kind, result.weighs) == (3, Kind.IGNORED, False)
    assert "nothing allows acting under namespace-shop" in result.lines[0]
    assert here.cluster.find(CONFIGMAPS, NAMESPACE)


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"namespace": "kube-system"}, "in namespace kube-system"),
        ({"namespace": "", "node": "node-1"}, "on node node-1"),
        ({"namespace": "", "resource": {"plural": "nodes"}, "name": "n1"}, "on node n1"),
        (
            {"namespace": "", "resource": {"plural": "namespaces"}, "name": "other"},
            "in namespace other",
        ),
        ({"namespace": "", "resource": {"plural": "clusterroles"}}, "on clusterroles outside"),
    ],
)
def test_an_undo_beyond_the_locks_of_its_run_is_refused(
    here: World, data: dict[str, Any], where: str
) -> None:
    whole = scaling(here.cluster.find(DEPLOYMENTS, "shop")[0], 0, 3) | data
    forged(here, begun(here), undo(here, data=whole))
    [result], _ = recovered(here)
    assert f"it would act {where}" in result.left[0]
    assert "which its locks do not cover" in result.left[0]
    assert replicas(here) == 3


def test_texts_of_a_journal_cannot_drive_a_terminal(here: World) -> None:
    forged(here, begun(here), undo(here, text="tidy\x1b]0;owned\x07 up\n::error::x"))
    [result], _ = recovered(here)
    assert result.lines == ["run x-1: tidy\ufffd]0;owned\ufffd up\ufffd::error::x: done"]


@pytest.mark.parametrize(
    "data",
    [{}, {"kind": "changed"}, {"kind": "created", "resource": 7}, {"resource": {"plural": "pods"}},
     {"kind": "changed", "resource": {}, "fields": 3, "name": "web"}],
)  # fmt: skip
def test_an_undo_whose_data_has_another_form_is_reported_and_stops_nothing(
    here: World, data: dict[str, Any]
) -> None:
    forged(here, begun(here), undo(here, data=data))
    [result], _ = recovered(here)
    assert "tidy up: " in result.left[0]
    assert "Traceback" not in result.left[0]
    assert replicas(here) == 3


# ----- which runs, whose files, and who is alive


def silent_runs(here: World, *runs: str) -> None:
    for run in runs:
        died(here, [f"namespace-{run}"], run)


@pytest.mark.parametrize(
    ("runs", "undone"), [((), {"r1", "r2"}), (("r1",), {"r1"}), (("r9",), set())]
)
def test_named_runs_or_all_are_recovered(
    here: World, runs: tuple[str, ...], undone: set[str]
) -> None:
    silent_runs(here, "r1", "r2")
    results = recover(place(here), wait=WATCH, runs=runs, tell=lambda text: None)
    assert {each.run for each in results} == undone


def test_a_journal_that_cannot_be_used_is_not_watched(here: World) -> None:
    forged(here, begun(here, cluster="another uid"), undo(here))
    began = here.clock.now
    _, told = recovered(here)
    assert told == []
    assert here.clock.now - began < 1.0


def test_what_was_only_kept_is_listed_without_taking_its_locks(here: World) -> None:
    kept = {"op": "kept", "id": "u1", "text": "theirs"}
    forged(here, begun(here), undo(here), kept)
    here.cluster.calls.clear()
    [result], _ = recovered(here)
    assert (result.kept, result.news) == (("tidy up: theirs",), False)
    assert not [path for method, path in here.cluster.calls if method in ("POST", "PUT")]
    forged(here, begun(here), undo(here), kept, undo(here, id="u2"))
    [result], _ = recovered(here)
    assert result.undone == ("tidy up",)


def local(here: World, run: str, **begin: Any) -> Path:
    first = {"op": "begin", "run": run, "cluster": identity(here.cluster), "journal": NAMESPACE}
    path = here.directory / f"{run}.jsonl"
    path.write_text(json.dumps(first | begin) + "\n")
    return path


def test_a_local_file_goes_once_its_journal_in_the_cluster_is_gone(here: World) -> None:
    forged(here, begun(here), undo(here))
    stays = [
        local(here, "x-1"),
        local(here, "r2", journal="another-namespace"),
        local(here, "r3", cluster="another uid"),
        local(here, "r4", journal=""),
    ]
    goes = local(here, "r5")
    forget_undone_elsewhere(place(here))
    assert all(path.exists() for path in stays)
    assert not goes.exists()


def test_a_local_file_that_goes_meanwhile_is_no_error(here: World, monkeypatch: Any) -> None:
    path = local(here, "r5")
    there = journal_configmap.is_there

    def looking(*arguments: Any) -> bool:
        path.unlink()
        return there(*arguments)

    monkeypatch.setattr(journal_configmap, "is_there", looking)
    forget_undone_elsewhere(place(here))
    assert not path.exists()


def test_a_writer_that_is_gone_from_here_is_not_waited_for(here: World) -> None:
    died(here)
    local(here, "r1", holder="run r1 of ann@ci")
    local(here, "r7", holder="")
    began = here.clock.now
    [result], _ = recovered(here, wait=0.0)
    assert result.undone == ("scale web back to 3",)
    assert here.clock.now - began < 1.0


def held_by(here: World, **holders: str) -> None:
    for name, who in holders.items():
        spec = {"holderIdentity": who, "leaseDurationSeconds": DURATION}
        meta = {"name": f"namespace-{name}", "namespace": NAMESPACE}
        here.cluster.put(LEASES, {"metadata": meta, "spec": spec})


@pytest.mark.parametrize(
    ("holders", "kind", "said"),
    [
        ({"a": "run r1 of ann@ci", "b": "run r1 of ann@ci"}, Kind.LIVES, "is still at work: "),
        ({"a": "run r1 of ann@ci", "b": ""}, Kind.LIVES, "is still at work: "),
        ({"a": "", "b": "run r1 of ann@ci"}, Kind.LIVES, "is still at work: "),
        ({"a": "run r2", "b": "run r2"}, Kind.LIVES, "is undone by another run: "),
        ({"a": "run r2", "b": "run r1 of ann@ci"}, Kind.OURS, "could not be undone: "),
        ({"a": "", "b": "run r2"}, Kind.OURS, "could not be undone: "),
    ],
)
def test_whoever_holds_its_locks_decides_what_is_said(
    here: World, holders: dict[str, str], kind: Kind, said: str
) -> None:
    died(here, ["namespace-a", "namespace-b"])
    held_by(here, **holders)
    began = here.clock.now
    [result], _ = recovered(here, wait=0.0)
    assert (result.kind, result.undone) == (kind, ())
    assert result.skipped.startswith(said)
    assert "the lock resilience-journal/namespace-" in result.skipped
    assert here.clock.now - began < 1.0
    assert replicas(here) == 1


def test_a_lock_that_is_lost_during_the_undo_aborts_it(here: World) -> None:
    died(here)
    where = place(here)

    def lose(locks: Sequence[str]) -> Cluster:
        for lock in kept:
            lock("taken by another")
        return here.cluster

    kept: list[Callable[[str], None]] = []
    where = replace(where, acting=lose)
    keep = Locks.keep
    try:
        Locks.keep = lambda self, on_lost: kept.append(on_lost)  # type: ignore[method-assign]
        recover(where, wait=WATCH, tell=lambda text: None)
    finally:
        Locks.keep = keep  # type: ignore[method-assign]
    assert where.aborter.reason == "taken by another"


# ----- for a run that holds some of the locks


def next_run(here: World, *held: str) -> list[Recovered]:
    return under_locks(place(here), RunId("next"), held, lambda text: None)


def test_a_run_undoes_only_what_concerns_its_locks_and_never_its_own(here: World) -> None:
    silent_runs(here, "r1", "next")
    assert next_run(here, "namespace-other") == []
    assert next_run(here, "namespace-next") == []
    assert [each.run for each in next_run(here, "namespace-r1", "nodes")] == ["r1"]


def test_a_further_lock_that_another_run_holds_leaves_it_to_that_one(here: World) -> None:
    died(here, ["namespace-a", "namespace-b"])
    held_by(here, a="ours", b="run r2")
    began = here.clock.now
    [result] = next_run(here, "namespace-a")
    assert (result.kind, result.undone) == (Kind.OURS, ())
    assert result.skipped.startswith("could not be undone: the lock resilience-journal/namespace-b")
    assert here.clock.now - began < 1.0
    assert replicas(here) == 1


def test_further_locks_of_the_dead_run_are_taken_and_released(here: World) -> None:
    died(here, ["namespace-b", "namespace-shop"])
    held_by(here, shop="ours")
    [result] = next_run(here, "namespace-shop")
    assert result.undone == ("scale web back to 3",)
    assert holders(here) == ["", "ours"]


def test_a_journal_that_cannot_be_used_takes_no_further_locks(here: World) -> None:
    forged(here, begun(here, cluster="another uid", locks=["namespace-a", "namespace-b"]))
    [result] = next_run(here, "namespace-a")
    assert result.kind is Kind.IGNORED
    assert holders(here) == []


def test_a_run_that_cannot_be_undone_now_keeps_its_journal_open(here: World) -> None:
    """Nothing was tried, so nothing may be written either: no `end` line, no deletion."""
    forged(here, begun(here), [1])
    before = here.cluster.find(CONFIGMAPS, NAMESPACE)[0]["data"]
    recovered(here)
    assert here.cluster.find(CONFIGMAPS, NAMESPACE)[0]["data"] == before
    [result], _ = recovered(here)
    assert (result.weighs, result.kind) == (False, Kind.OURS)
    recovered(here, forget=True)
    assert here.cluster.find(CONFIGMAPS, NAMESPACE) == []


def test_a_usable_journal_has_nothing_against_it(here: World) -> None:
    forged(here, begun(here), undo(here))
    [one] = journal_configmap.found(here.cluster, NAMESPACE)
    assert takeover._unusable(one, place(here)) == ""
    forged(here, begun(here, cluster="another uid"), undo(here))
    [one] = journal_configmap.found(here.cluster, NAMESPACE)
    assert takeover.undo(one, place(here)).kind is Kind.IGNORED
