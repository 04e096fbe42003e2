"""The journal in the cluster: for runs whose machine does not come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resilience.actions.workloads.scale import VERB as SCALE
from resilience.cluster import errors
from resilience.cluster.interface import CONFIGMAPS, DEPLOYMENTS, NAMESPACES
from resilience.engine.base.abort import Aborter
from resilience.engine.guard.identity import identity
from resilience.engine.journal import journal_configmap
from resilience.engine.journal.journal import Journal, Story
from resilience.engine.journal.journal_configmap import FULL, NAMESPACE, JournalMap, found
from resilience.engine.journal.recover import Recovered
from resilience.engine.journal.takeover import Place, under_locks
from resilience.kube import objects
from resilience.model.timeline import What
from resilience.model.values import Reference, RunId
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from resilience.verbs.catalogue import catalogue
from tests.engine.fakes import FakeCluster
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


# ----- appends, and what an API server may answer to them


LINE = {"op": "undo", "id": "u1", "verb": "v", "path": "p", "data": {}, "text": "t"}


def sizes(here: World) -> list[int]:
    return [
        sum(len(key) + len(text) for key, text in each["data"].items())
        for each in here.cluster.find(CONFIGMAPS, NAMESPACE)
    ]


def sized(number: int, size: int) -> dict[str, Any]:
    """A line that takes so many bytes of a ConfigMap, its key included."""
    line = {**LINE, "id": f"u{number}", "text": ""}
    bare = len(json.dumps(line, separators=(",", ":"))) + len("000001.json")
    return {**line, "text": "x" * (size - bare)}


@pytest.mark.parametrize(("more", "maps"), [(0, [FULL]), (1, [FULL // 2, FULL // 2 + 1])])
def test_a_configmap_is_filled_to_its_last_byte(here: World, more: int, maps: list[int]) -> None:
    sink = JournalMap(here.cluster, "r1")
    sink.append(sized(1, FULL // 2))
    sink.append(sized(2, FULL // 2 + more))
    assert sizes(here) == maps


def test_a_line_is_compact_json_under_a_key_of_its_own(here: World) -> None:
    sink = JournalMap(here.cluster, "r1")
    sink.append({"op": "end", "left": 0})
    sink.append(LINE)
    [each] = here.cluster.find(CONFIGMAPS, NAMESPACE)
    assert each["data"]["000001.json"] == '{"left":0,"op":"end"}'
    assert sorted(each["data"]) == ["000001.json", "000002.json"]
    assert (objects.name(each), objects.labels(each)[journal_configmap.RUN_LABEL]) == (
        "r1-1", "r1",
    )  # fmt: skip


def away(here: World, times: int) -> None:
    errors_left = [errors.Unreachable("away")] * times
    here.cluster.faults.append(lambda method, path: errors_left.pop() if errors_left else None)


def test_a_configmap_that_could_not_be_created_is_tried_again_under_its_name(here: World) -> None:
    sink = JournalMap(here.cluster, "r1")
    away(here, 1)
    with pytest.raises(errors.Unreachable):
        sink.append(LINE)
    sink.append({**LINE, "id": "u2"})
    assert maps(here) == ["r1-1"]
    [one] = found(here.cluster)
    assert [undo.id for undo in one.story.undos] == ["u1", "u2"]


def test_only_lines_that_must_be_durable_wait_for_the_api_server(here: World) -> None:
    waited: list[str] = []

    class Waiting(FakeCluster):
        def patch(self, *arguments: Any, **more: Any) -> Any:
            waited.append("patch")
            return here.cluster.patch(*arguments, **more)

        def create(self, *arguments: Any, **more: Any) -> Any:
            waited.append("create")
            return here.cluster.create(*arguments, **more)

    sink = JournalMap(here.cluster, "r1", patient=Waiting(here.clock))
    sink.append({"op": "begin", "run": "r1"})
    sink.append(LINE)
    assert waited == ["create", "patch"]
    sink.append({"op": "undoing", "id": "u1"})
    assert waited == ["create", "patch"]
    [one] = found(here.cluster)
    assert one.lines == 3


def test_a_configmap_whose_creation_was_not_answered_holds_every_line(here: World) -> None:
    sink = JournalMap(here.cluster, "r1")
    created = here.cluster.create

    def lost(*arguments: Any, **more: Any) -> Any:
        created(*arguments, **more)
        raise errors.Unreachable("reset")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(here.cluster, "create", lost)
        with pytest.raises(errors.Unreachable):
            sink.append(LINE)
    sink.append({**LINE, "id": "u2"})
    sink.append({**LINE, "id": "u3"})
    assert maps(here) == ["r1-1"]
    [one] = found(here.cluster)
    assert [undo.id for undo in one.story.undos] == ["u1", "u2", "u3"]


def test_after_a_second_configmap_the_third_has_its_own_name(here: World) -> None:
    sink = JournalMap(here.cluster, "r1")
    for number in range(1, 4):
        sink.append(sized(number, FULL))
    assert maps(here) == ["r1-1", "r1-2", "r1-3"]
    assert sizes(here) == [FULL] * 3


def test_a_taken_over_journal_goes_on_in_a_configmap_of_its_own(here: World) -> None:
    scaled(here)
    [one] = found(here.cluster)
    assert (one.lines, one.maps) == (2, 1)
    one.taken_over(here.cluster).failed("u1", "no")
    assert maps(here) == ["r1-1", "r1-2"]
    assert sorted(here.cluster.find(CONFIGMAPS, NAMESPACE)[1]["data"]) == ["000003.json"]


@pytest.mark.parametrize("mute", [True, False])
def test_only_an_unfinished_journal_and_one_whose_lock_is_lost_stay(
    here: World, mute: bool
) -> None:
    sink = JournalMap(here.cluster, "r1")
    sink.append(LINE)
    sink.close(finished=False)
    assert maps(here) == ["r1-1"]
    sink.mute = mute
    sink.close(finished=True)
    assert maps(here) == (["r1-1"] if mute else [])


def test_a_journal_that_cannot_be_deleted_stays_without_an_error(here: World) -> None:
    sink = JournalMap(here.cluster, "r1")
    sink.append(LINE)
    away(here, 1)
    sink.close(finished=True)
    assert maps(here) == ["r1-1"]


def test_a_journal_is_removed_with_all_of_its_configmaps_and_no_others(here: World) -> None:
    for run in ("r1", "r2"):
        sink = JournalMap(here.cluster, run)
        for number in (1, 2):
            sink.append(sized(number, FULL))
    [one] = [each for each in found(here.cluster) if each.run == "r1"]
    journal_configmap.remove(here.cluster, one)
    assert maps(here) == ["r2-1", "r2-2"]
    assert journal_configmap.is_there(here.cluster, "r2", NAMESPACE) is True
    assert journal_configmap.is_there(here.cluster, "r1", NAMESPACE) is False
    assert journal_configmap.is_there(here.cluster, "r2", "shop") is False


def test_the_newest_journal_is_first(here: World) -> None:
    for number, run in enumerate(("r2", "r1", "r3")):
        meta = {"name": f"{run}-1", "namespace": NAMESPACE, "labels": {"resilience/run": run},
                "creationTimestamp": f"2026-01-0{number + 1}T00:00:00Z"}  # fmt: skip
        here.cluster.put(CONFIGMAPS, {"metadata": meta, "data": None})
    assert [each.run for each in found(here.cluster)] == ["r3", "r1", "r2"]
    assert [each.lines for each in found(here.cluster)] == [0, 0, 0]


def test_a_journal_that_says_it_is_of_another_run_says_nothing_else(here: World) -> None:
    begin = json.dumps({"op": "begin", "run": "r9", "locks": ["nodes"]})
    meta = {"name": "x", "namespace": NAMESPACE, "labels": {"resilience/run": "r1"}}
    data = {"000001.json": begin, "000002.json": json.dumps(LINE)}
    here.cluster.put(CONFIGMAPS, {"metadata": meta, "data": data})
    [one] = found(here.cluster)
    assert one.story == Story(
        begin={}, undos=(), ended=False, broken="its content names another run: r9"
    )


def test_a_reported_damage_is_marked_on_each_of_its_configmaps(here: World) -> None:
    sink = JournalMap(here.cluster, "r1")
    for number in (1, 2):
        sink.append(sized(number, FULL))
    [one] = found(here.cluster)
    assert one.reported is False
    journal_configmap.mark_reported(here.cluster, one)
    for each in here.cluster.find(CONFIGMAPS, NAMESPACE):
        assert objects.annotation(each, journal_configmap.REPORTED) == "true"
    [one] = found(here.cluster)
    assert one.reported is True
    away(here, 1)
    journal_configmap.mark_reported(here.cluster, one)
