"""The journal in the cluster: for runs whose machine does not come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.actions.workloads.scale import VERB as SCALE
from resilience.cluster import errors
from resilience.cluster.interface import CONFIGMAPS, DEPLOYMENTS, NAMESPACES
from resilience.engine.base.abort import Aborter
from resilience.engine.guard.identity import identity
from resilience.engine.journal import journal_configmap
from resilience.engine.journal.journal import Journal
from resilience.engine.journal.journal_configmap import FULL, NAMESPACE, JournalMap, found
from resilience.engine.journal.recover import Recovered
from resilience.engine.journal.takeover import Place, under_locks
from resilience.kube import objects
from resilience.model.timeline import What
from resilience.model.values import Reference, RunId
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from resilience.verbs.catalogue import catalogue
from tests.engine.helpers import MemorySink, World, scaling, step, world


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    made.cluster.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    return made


def next_run(here: World, *held: str) -> list[Recovered]:
    """What a run that holds these locks undoes before it begins."""
    place = Place(cluster=here.cluster, namespace=NAMESPACE, verbs=catalogue(), clock=here.clock,
                  aborter=Aborter(), directory=Path("/nonexistent"))  # fmt: skip
    return under_locks(place, RunId("next"), held)


def scaled(here: World, run: str = "r1") -> Journal:
    """A run that scaled web to 1 and died."""
    journal = Journal([JournalMap(here.cluster, run)])
    locks = ["namespace-shop"]
    journal.begin({"run": run, "cluster": identity(here.cluster), "locks": locks})
    data = scaling(here.cluster.find(DEPLOYMENTS, "shop")[0], 3, 1)
    journal.record("scale", "when[0]", data, "scale web back to 3")
    here.cluster.change(DEPLOYMENTS, "shop", "web", lambda o: o["spec"].update(replicas=1))
    return journal


def replicas(here: World) -> int:
    return int(here.cluster.find(DEPLOYMENTS, "shop")[0]["spec"]["replicas"])


def maps(here: World) -> list[str]:
    return [objects.name(each) for each in here.cluster.find(CONFIGMAPS, NAMESPACE)]


def test_whoever_comes_next_undoes_what_a_dead_run_left(here: World) -> None:
    scaled(here)
    [result] = next_run(here, "namespace-shop")
    assert result.undone == ("scale web back to 3",)
    assert replicas(here) == 3
    assert maps(here) == []


def test_a_run_whose_lock_is_held_is_left_alone(here: World) -> None:
    scaled(here)
    assert next_run(here, "namespace-other", "nodes") == []
    assert replicas(here) == 1
    assert len(maps(here)) == 1


def test_what_cannot_be_undone_stays_for_the_next_try(here: World) -> None:
    scaled(here)
    patch = here.cluster.patch

    def refuse(resource: object, *arguments: object, **more: object) -> object:
        from resilience.cluster.errors import Forbidden

        if resource == DEPLOYMENTS:
            raise Forbidden(403, "no right to patch")
        return patch(resource, *arguments, **more)  # type: ignore[arg-type]

    here.cluster.patch = refuse  # type: ignore[method-assign,assignment]
    [result] = next_run(here, "namespace-shop")
    assert result.left == ("scale web back to 3: no right to patch",)
    here.cluster.patch = patch  # type: ignore[method-assign]
    [result] = next_run(here, "namespace-shop")
    assert result.complete
    assert maps(here) == []


def test_a_finished_run_takes_its_journal_away(here: World) -> None:
    journal = scaled(here)
    journal.done("u1")
    journal.close()
    assert maps(here) == []


def test_a_run_that_died_after_its_undo_leaves_nothing_to_do(here: World) -> None:
    scaled(here).done("u1")
    assert [result.lines for result in next_run(here, "namespace-shop")] == [[]]
    assert maps(here) == []


def test_a_full_configmap_is_followed_by_another_and_read_in_order(here: World) -> None:
    journal = Journal([JournalMap(here.cluster, "r1")])
    journal.begin({"run": "r1"})
    for number in range(5):
        journal.record("scale", "when[0]", {"prior": "x" * 400_000}, f"undo {number}")
    assert len(maps(here)) == 3
    for each in here.cluster.find(CONFIGMAPS, NAMESPACE):
        assert sum(len(key) + len(text) for key, text in each["data"].items()) <= FULL
    [one] = found(here.cluster)
    assert [undo.text for undo in one.story.pending] == [f"undo {n}" for n in (4, 3, 2, 1, 0)]
    journal = one.taken_over(here.cluster)
    journal.done("u5")
    [again] = found(here.cluster)
    assert len(again.story.pending) == 4


def test_both_sinks_hold_the_same_story(here: World) -> None:
    """A whole run with the local file and the cluster behind one journal."""
    sink = MemorySink()
    here.sink = sink
    web = Reference.parse("deployment/web")
    record = here.run(when=[step(SCALE, Phase.WHEN, workload=web, replicas=5)],
                      sinks=[JournalMap(here.cluster, "r1")])  # fmt: skip
    assert record.outcome.value == "passed", record.message
    assert maps(here) == []
    assert sink.finished is True


def test_a_cluster_that_never_had_a_journal_has_none(here: World) -> None:
    assert journal_configmap.found(here.cluster) == []


def test_a_journal_that_cannot_be_reached_forbids_the_change_but_not_the_undo(here: World) -> None:
    web = Reference.parse("deployment/web")
    down: list[bool] = []

    def away(method: str, path: str) -> Exception | None:
        return errors.Unreachable("refused") if down and "configmaps" in path else None

    here.cluster.faults.append(away)
    here.on_entry = lambda entry: down.append(True) if entry.what is What.PROOF else None
    record = here.run(when=[step(SCALE, Phase.WHEN, workload=web, replicas=5),
                            step(SCALE, Phase.WHEN, 1, workload=web, replicas=6)],
                      sinks=[JournalMap(here.cluster, "r1")])  # fmt: skip
    assert record.outcome is Outcome.HARNESS_ERROR  # the second could not be recorded
    assert record.leftovers == ()
    assert replicas(here) == 3
    assert here.sink.finished is True


def test_what_binds_must_be_in_the_cluster_and_what_does_not_may_be_late(here: World) -> None:
    journal = scaled(here)
    away = [errors.Unreachable("away"), errors.Unreachable("away")]
    here.cluster.faults.append(lambda method, path: away.pop() if away else None)
    with pytest.raises(errors.Unreachable):
        journal.record("scale", "when[1]", {}, "another")
    journal.done("u1")
    journal.failed("u2", "never made")
    [one] = found(here.cluster)
    assert {undo.id: undo.state.value for undo in one.story.undos} == {"u1": "done", "u2": "failed"}


def test_a_journal_whose_lock_is_lost_writes_nothing(here: World) -> None:
    sink = JournalMap(here.cluster, "r1")
    sink.append({"op": "begin", "run": "r1"})
    sink.mute = True
    sink.append({"op": "end", "left": 0})
    sink.close(finished=True)
    [one] = found(here.cluster)
    assert not one.story.ended
