"""Several runs that share what `given` set up, in memory and in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from resilience.actions.objects.apply import VERB as APPLY
from resilience.actions.pods.kill import VERB as KILL
from resilience.actions.workloads.scale import VERB as SCALE
from resilience.checks.ready import VERB as READY
from resilience.cluster import errors
from resilience.cluster.interface import CONFIGMAPS, DEPLOYMENTS, PODS, Object
from resilience.engine.base.abort import Aborter
from resilience.engine.base.run_options import Options
from resilience.engine.evidence.set_up import PAUSE
from resilience.engine.journal.journal import Journal, fold
from resilience.engine.journal.recover import undo_all
from resilience.engine.run.run import Run
from resilience.engine.run.scenario import carry_out
from resilience.engine.run.shared_given import SharedGiven
from resilience.kube.selectors import Selector
from resilience.model.place import Place
from resilience.model.report import RunRecord
from resilience.model.scenario import Scenario, Step
from resilience.model.timeline import Entry, What
from resilience.model.values import Duration, RunId
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from resilience.verbs.catalogue import catalogue
from tests.engine.helpers import MemorySink, World, step, world
from tests.engine.run.test_scenario import MANIFEST, WEB

KILL_ONE = step(KILL, Phase.WHEN, pods=Selector.parse("app=web"), count=1)
BACK = step(READY, Phase.WHEN, 1, target=WEB)
HOLDS = step(READY, Phase.THEN, 0, target=WEB)
NEVER = step(READY, Phase.THEN, 0, within=1.0, target=type(WEB).parse("deployment/other"))


class Group:
    """Runs on one cluster, one after the other, with one journal and one aborter."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.shared = SharedGiven(run=RunId("r1"), wanted=False)
        self.journal = Journal([here.sink])
        self.count = 0
        self.on_entry: Callable[[Entry], None] = lambda entry: None

    def run(self, *when: Step, then: Step = HOLDS, wanted: bool = True) -> RunRecord:
        self.count += 1
        self.shared.wanted = wanted
        here = self.here
        scenario = Scenario(
            id="case", title=f"case {self.count}", tags=(), namespace="shop", seed=7,
            given=(
                step(APPLY, Phase.GIVEN, file=Path("web.yaml")),
                step(READY, Phase.GIVEN, 1, target=WEB),
            ),
            probes=(), when=when or (KILL_ONE, BACK), then=(then,), settle=Duration.of(1),
            shares_given=True, place=Place(str(here.directory / "x.scenario.yaml"), 1, 1),
        )  # fmt: skip
        begun = Run.begin(
            scenario,
            cluster=here.cluster,
            options=Options(run=RunId(f"r{self.count}")),
            clock=here.clock,
            journal=self.journal,
            emit=lambda entry: self.on_entry(entry),
            aborter=here.aborter,
            shared=self.shared,
        )
        return carry_out(begun)

    def differs(self) -> str:
        return self.shared.differs(self.here.clock)

    def deployment(self) -> Object:
        (found,) = self.here.cluster.find(DEPLOYMENTS, "shop")
        return found


@pytest.fixture
def group(tmp_path: Path) -> Group:
    here = world()
    here.directory = tmp_path
    (tmp_path / "web.yaml").write_text(MANIFEST)
    return Group(here)


def texts(entries: Sequence[Entry]) -> str:
    return "\n".join(entry.text for entry in entries)


def test_given_is_set_up_once_and_undone_after_the_last(group: Group) -> None:
    before = group.here.cluster.dump()
    assert group.run().outcome is Outcome.PASSED
    uid = group.deployment()["metadata"]["uid"]
    assert group.differs() == ""
    assert group.run().outcome is Outcome.PASSED
    assert group.deployment()["metadata"]["uid"] == uid
    assert group.here.sink.finished is None
    last = group.run(wanted=False)
    assert (last.outcome, last.leftovers) == (Outcome.PASSED, ())
    assert group.here.cluster.dump() == before
    assert group.here.sink.finished is True


def test_each_run_asks_every_check_of_given_again(group: Group) -> None:
    group.run()
    second = group.run(wanted=False)
    assert [done.path for done in second.steps][:2] == ["given[0]", "given[1]"]
    assert "shared with run r1" in texts(second.timeline)


def test_what_a_run_changed_itself_is_undone_before_the_next(group: Group) -> None:
    fewer = step(SCALE, Phase.WHEN, workload=WEB, replicas=1)
    assert group.run(fewer).outcome is Outcome.PASSED
    assert group.deployment()["spec"]["replicas"] == 3
    assert group.differs() == ""


def test_a_change_that_stayed_is_told_and_nothing_is_shared(group: Group) -> None:
    before = group.here.cluster.dump()
    group.run()
    group.here.cluster.patch(CONFIGMAPS, "settings", {"data": {"released": "x"}}, "shop")
    assert group.differs() == "ConfigMap shop/settings changed"
    group.here.cluster.patch(CONFIGMAPS, "settings", {"data": {"released": "2024-01-01"}}, "shop")
    assert group.differs() == ""
    assert group.shared.release(group.here.clock, group.here.entries.append) == []
    assert group.here.cluster.dump() == before
    assert group.here.sink.finished is True


def test_a_pod_that_restarted_or_came_from_elsewhere_is_told(group: Group) -> None:
    group.run()
    pod = group.here.pods()[0]
    stranger = {**pod, "metadata": {"name": "stranger", "namespace": "shop"}}
    made = group.here.cluster.put(PODS, stranger)
    assert "Pods" in group.differs()
    group.here.cluster.delete(PODS, "stranger", "shop", uid=made["metadata"]["uid"], grace=0)
    assert group.differs() == ""
    again = {"status": {**pod["status"], "containerStatuses": [{"name": "web", "restartCount": 1}]}}
    group.here.cluster.put(PODS, {**pod, **again})
    before = group.here.clock.monotonic()
    assert "Pods" in group.differs()
    assert group.here.clock.monotonic() < before + PAUSE  # a restart is never taken back


def test_after_a_run_that_did_not_hold_everything_is_undone(group: Group) -> None:
    before = group.here.cluster.dump()
    assert group.run(then=NEVER).outcome is not Outcome.PASSED
    assert not group.shared.stays
    assert group.here.cluster.dump() == before
    assert group.here.sink.finished is True


def test_after_an_abort_everything_is_undone(group: Group) -> None:
    before = group.here.cluster.dump()
    group.run()

    def interrupt(entry: Entry) -> None:
        if entry.facts.get("state") == "started" and entry.facts.get("phase") == "when":
            group.here.aborter.abort("Ctrl-C")

    group.on_entry = interrupt
    assert group.run().outcome is Outcome.INTERRUPTED
    assert group.here.cluster.dump() == before
    assert group.here.sink.finished is True


def test_a_recovery_undoes_the_second_run_and_then_what_both_share(group: Group) -> None:
    """The journal as kill -9 leaves it after the second run's action."""
    before = group.here.cluster.dump()
    group.run()
    lines = list(group.here.sink.lines)
    fewer = step(SCALE, Phase.WHEN, workload=WEB, replicas=1)

    def keep(entry: Entry) -> None:
        if acted(entry):
            lines[:] = group.here.sink.lines

    group.on_entry = keep
    group.run(fewer)
    group.here.cluster.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 1}}, "shop")
    story = fold(lines)
    assert (story.begin["run"], story.begin["scenario"]) == ("r1", "case 2")
    assert [undo.path for undo in story.pending] == ["when[0]", "given[0]", "given[0]"]
    journal = Journal([MemorySink()], story.undos)
    result = undo_all("r1", journal, group.here.cluster, catalogue(), group.here.clock, Aborter())
    assert result.complete
    assert [text.partition(" ")[0] for text in result.undone] == ["scale", "delete", "delete"]
    assert group.here.cluster.dump() == before


def acted(entry: Entry) -> bool:
    """The action is done."""
    about = (entry.what, entry.facts.get("path"), entry.facts.get("state"))
    return about == (What.STEP, "when[0]", "done")


def test_what_cannot_be_undone_is_told_and_ends_the_sharing(group: Group) -> None:
    group.run()

    def forbid(entry: Entry) -> None:
        if acted(entry):
            group.here.cluster.faults.append(no_patch)

    group.on_entry = forbid
    record = group.run(step(SCALE, Phase.WHEN, workload=WEB, replicas=1))
    assert record.outcome is Outcome.UNDO_INCOMPLETE
    assert len(record.leftovers) == 1
    assert not group.shared.stays
    assert not group.here.cluster.find(DEPLOYMENTS, "shop")


def no_patch(method: str, path: str) -> errors.ApiError | None:
    return errors.Forbidden(403, "no") if method == "PATCH" else None
