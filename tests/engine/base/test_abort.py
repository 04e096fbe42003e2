"""A run that is stopped early: whoever stops it and wherever it is, the same path is taken."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.objects.apply import VERB as APPLY
from resilience.actions.pods.kill import VERB as KILL
from resilience.actions.workloads.scale import VERB as SCALE
from resilience.checks.ready import VERB as READY
from resilience.cluster import errors
from resilience.engine.base.abort import Aborter, Why
from resilience.engine.journal.journal import Line, NotRecorded, Sink
from resilience.engine.journal.undo import shielded
from resilience.kube.selectors import Selector
from resilience.model.report import RunRecord
from resilience.model.timeline import Entry, What
from resilience.model.values import Availability, Duration, Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.engine.helpers import World, step, world
from tests.engine.run.test_scenario import MANIFEST
from tests.engine.toyprobe import Script

WEB = Reference.parse("deployment/web")


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world()
    made.directory = tmp_path
    (tmp_path / "web.yaml").write_text(MANIFEST)
    return made


def busy(here: World, script: Script | None = None, sinks: Sequence[Sink] = ()) -> RunRecord:
    """A run with every kind of step in it."""
    probes = [step((script or Script()).verb, Phase.WHILE)]
    return here.run(
        given=[step(APPLY, Phase.GIVEN, file=Path("web.yaml")),
               step(READY, Phase.GIVEN, 1, target=WEB)],
        probes=probes,
        sinks=sinks,
        when=[step(SCALE, Phase.WHEN, workload=WEB, replicas=5),
              step(SLEEP, Phase.WHEN, 1, duration=Duration.of(10)),
              step(KILL, Phase.WHEN, 2, pods=Selector.parse("app=web"), count=2),
              step(READY, Phase.WHEN, 3, target=WEB)],
        then=[step(READY, Phase.THEN, target=WEB)],)  # fmt: skip


@pytest.mark.parametrize("moment", range(0, 62, 2))
def test_an_abort_at_any_moment_leaves_the_cluster_as_it_was(here: World, moment: int) -> None:
    before = here.cluster.dump()
    seen: list[Entry] = []

    def stop(entry: Entry) -> None:
        seen.append(entry)
        if len(seen) == moment + 1:
            here.aborter.abort("SIGTERM")

    here.on_entry = stop
    script = Script()
    record = busy(here, script)
    assert here.cluster.dump() == before
    assert here.sink.finished is True
    assert all(probe.stopped for probe in script.probes)
    assert record.leftovers == ()
    assert record.outcome is Outcome.INTERRUPTED
    assert "SIGTERM" in record.message


@pytest.mark.parametrize("call", range(40))
def test_a_server_that_goes_away_at_any_call_and_comes_back_leaves_nothing(
    here: World, call: int
) -> None:
    before = here.cluster.dump()
    started = len(here.cluster.calls)

    def away(method: str, path: str) -> Exception | None:
        if len(here.cluster.calls) - started == call + 1:
            here.clock.after(20.0, here.cluster.faults.clear)
            here.cluster.faults.append(lambda *_: errors.Unreachable("connection refused"))
            return errors.Unreachable("connection refused")
        return None

    here.cluster.faults.append(away)
    record = busy(here)
    here.cluster.faults.clear()
    assert record.leftovers == (), record.message
    assert here.cluster.dump() == before


@pytest.mark.parametrize("call", range(12))
def test_a_creation_whose_answer_is_lost_is_still_undone(here: World, call: int) -> None:
    """The request is carried out, the answer never comes."""
    before = here.cluster.dump()
    create, made = here.cluster.create, [0]

    def lost(*arguments: object, **more: object) -> object:
        result = create(*arguments, **more)  # type: ignore[arg-type]
        made[0] += 1
        if made[0] == call + 1:
            raise errors.Unreachable("connection reset")
        return result

    here.cluster.create = lost  # type: ignore[method-assign,assignment]
    record = busy(here)
    assert here.cluster.dump() == before, record.message
    assert record.leftovers == ()


def test_an_abort_condition_of_a_probe_is_the_services_failure(here: World) -> None:
    from dataclasses import replace

    script = Script(lambda at: True)
    reached = threading.Event()
    script.below = lambda: "availability 12% is below 50%" if reached.is_set() else ""

    def at_kill(entry: Entry) -> None:
        if entry.what is What.VICTIM:
            reached.set()
            for _ in range(200):  # until the watcher, which lives in real time, has looked
                if here.aborter.aborted:
                    return
                threading.Event().wait(0.05)

    here.on_entry = at_kill
    probe = replace(step(script.verb, Phase.WHILE), abort_below=Availability.parse("50%"))
    here.deploy()
    record = here.run(
        probes=[probe],
        when=[
            step(KILL, Phase.WHEN, pods=Selector.parse("app=web"), count=1),
            step(SLEEP, Phase.WHEN, 1, duration=Duration.of(1000)),
        ],
    )
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "availability 12% is below 50%" in record.message
    assert here.aborter.why is Why.BELOW


def test_a_lost_lock_stops_the_run(here: World) -> None:
    here.on_entry = lambda entry: (
        here.aborter.abort("the lock was lost to run r2", Why.LOCK)
        if entry.what is What.VICTIM
        else None
    )
    record = busy(here)
    assert record.outcome is Outcome.INTERRUPTED
    assert "lost to run r2" in record.message


def test_a_foreign_exception_waits_until_everything_is_undone(here: World) -> None:
    before = here.cluster.dump()

    class Outcome_(BaseException):
        """Like pytest's own outcomes."""

    def burst(entry: Entry) -> None:
        if entry.what is What.VICTIM:
            raise Outcome_("Timeout >5.0s")

    here.on_entry = burst
    record = busy(here)
    assert isinstance(here.aborter.cause, Outcome_)
    assert here.cluster.dump() == before
    assert record.outcome is Outcome.INTERRUPTED
    assert "Timeout >5.0s" in record.message


def test_one_press_during_the_undo_does_not_stop_it_and_three_do(here: World) -> None:
    answers: list[str] = []

    def press(times: int) -> Callable[[Entry], None]:
        def at_undo(entry: Entry) -> None:
            if entry.text.startswith("undone: scale") and not answers:
                answers.extend(here.aborter.press() for _ in range(times))

        return at_undo

    before = here.cluster.dump()
    here.on_entry = press(1)
    assert busy(here).outcome is Outcome.PASSED
    assert answers == ["undoing; press twice more to abandon the undo"]
    assert here.cluster.dump() == before

    answers.clear()
    here.on_entry = press(3)
    record = busy(here)
    assert record.outcome is Outcome.UNDO_INCOMPLETE
    assert "delete Deployment shop/web" in record.message
    assert answers[-1] == "undo abandoned; `resilience recover` finishes it"


def test_a_journal_that_fails_under_way_does_not_stop_the_undo(here: World) -> None:
    before = here.cluster.dump()

    class Full:
        """A disk that is full from the first victim on."""

        full = False

        def append(self, line: Line) -> None:
            if self.full:
                raise NotRecorded("r1.jsonl", OSError(28, "No space left on device"))

        def close(self, *, finished: bool) -> None:
            self.finished = finished

    disk = Full()
    here.on_entry = lambda entry: setattr(disk, "full", True) if entry.what is What.VICTIM else None
    record = busy(here, sinks=[disk])
    assert here.cluster.dump() == before
    assert record.outcome is Outcome.UNDO_INCOMPLETE
    assert record.leftovers == (
        "the journal r1.jsonl cannot be written: No space left on device;"
        " undos are not recorded there",
    )
    assert disk.finished


def test_the_first_reason_to_abort_is_kept() -> None:
    aborter = Aborter()
    aborter.abort("first")
    aborter.abort("second", Why.LOCK)
    assert (aborter.reason, aborter.why) == ("first", Why.INTERRUPTED)


def test_exceptions_raised_in_the_main_thread_do_not_reach_the_shielded_work() -> None:
    aborter, begun, gone = Aborter(), threading.Event(), threading.Event()
    done: list[str] = []

    def work() -> None:
        begun.set()
        assert gone.wait(60)
        done.append("finished")

    class Bomb(BaseException):
        pass

    def explode(*_: object) -> None:
        gone.set()
        raise Bomb

    def ring() -> None:
        assert begun.wait(60)
        signal.raise_signal(signal.SIGALRM)

    old = signal.signal(signal.SIGALRM, explode)
    try:
        threading.Thread(target=ring).start()
        shielded(work, aborter)
    finally:
        signal.signal(signal.SIGALRM, old)
    assert done == ["finished"]
    assert isinstance(aborter.cause, Bomb)
