"""The probes of one run as a group: started, steady, watched for abort conditions, stopped, judged.

A probe that cannot start or never becomes steady ends the run before anything is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Event, Thread

from resilience.cluster.errors import ClusterError
from resilience.engine.base.abort import Why
from resilience.engine.evidence.victims import Affected, Struck
from resilience.engine.run import vacuous, windows
from resilience.engine.run.contexts import StepContext
from resilience.engine.run.state import RunState
from resilience.model.report import ProbeRecord
from resilience.model.scenario import Step
from resilience.model.timeline import What
from resilience.model.verdict import Finding, Reason, Result, Window
from resilience.verbs.context import ActionFailed, Attempt, Concluding, NotMet, RunningProbe

LOOK_EVERY = 0.2
"""Seconds between two checks of the abort conditions."""

HINT_AFTER = 5.0
"""Seconds after which the reason why a probe is not steady yet is reported."""

LONGEST_FINISH = 1.0
"""Seconds to wait for the last request of a slow probe."""


class NotSteady(Exception):
    """A probe was not steady before the first action; the text says what it observed."""


@dataclass(frozen=True, slots=True)
class _Member:
    step: Step
    probe: RunningProbe
    behind: vacuous.Behind | None


class Deck:
    """All probes of a run. `stop` is idempotent and always called."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._members: list[_Member] = []
        self._over = Event()
        self._watcher: Thread | None = None
        self._stopped = False

    def start(self, steps: tuple[Step, ...]) -> None:
        """Start every probe; each begins to measure at once."""
        for step in steps:
            deadline = self._state.clock.monotonic() + self._patience(step)
            context = StepContext(self._state, step, deadline, _NoFlow())
            try:
                probe = step.verb.run(step, context)
            except (NotMet, ActionFailed, ClusterError) as error:
                raise NotSteady(f"{step.title}: {error}") from error
            self._members.append(_Member(step, probe, vacuous.backing(step, self._state)))
            self._note(probe, "started")
            self._state.options.observe(probe)

    def wait_steady(self) -> None:
        """Return once all probes are steady; raise NotSteady with the reason of the first that is
        not."""
        began = self._state.clock.monotonic()
        for member in self._members:
            try:
                self._wait_for(member.probe, began + self._patience(member.step))
            except NotMet as error:
                raise NotSteady(f"{member.probe.name}: {error}") from error
            self._note(member.probe, "steady")

    def _patience(self, step: Step) -> float:
        """Seconds in which a probe has to be steady: `within` next to it, or the default."""
        return step.within.seconds if step.within_given else self._state.options.steady_within

    def _wait_for(self, probe: RunningProbe, deadline: float) -> None:
        """Wait until the probe is steady; after a while report the reason for the delay."""
        clock = self._state.clock
        soon = clock.monotonic() + HINT_AFTER
        try:
            probe.wait_steady(min(soon, deadline))
        except NotMet as error:
            if error.final or soon >= deadline:
                raise
            seen, left = str(error).partition("\n")[0], deadline - clock.monotonic()
            text = f"{probe.name}: {seen}; waiting up to {left:.0f}s more"
            self._state.timeline.note(What.NOTE, text)
            probe.wait_steady(deadline)

    def watch(self) -> None:
        """From now on, abort the run when a probe meets its abort condition."""
        watched = [member for member in self._members if member.step.abort_below is not None]
        if watched:
            self._watcher = Thread(
                target=self._look, args=(watched,), daemon=True, name="resilience-abort-below"
            )
            self._watcher.start()

    def finish(self) -> None:
        """Stop once every probe has sent the last request of the window."""
        intervals = [each.step.rate.interval for each in self._members if each.step.rate]
        self._state.clock.wait(min(2 * max(intervals, default=0.0), LONGEST_FINISH))
        self.stop()
        for member in self._members:
            if isinstance(member.probe, Concluding):
                member.probe.conclude()

    def stop(self) -> None:
        """Stop measuring; requests in flight are still collected."""
        self._over.set()
        if self._watcher is not None:
            self._watcher.join()
        if self._stopped:
            return
        self._stopped = True
        for member in self._members:
            member.probe.stop()
            self._note(member.probe, "stopped")

    def judge(self, window: Window, baseline: float | None = None) -> list[Finding]:
        """The findings of all objectives, compared with the measurements in each window of their
        probe. `baseline` is when that window began, None if there was none."""
        spans = windows.Spans.of(self._state, window, baseline)
        waits = self._state.options.cpu_waits()
        findings: list[Finding] = []
        for member in self._members:
            for span in spans.of_step(member.step):
                found = member.probe.judge(replace(span, waits=waits))
                findings += [_placed(each, member.step) for each in found]
        return findings

    def vacuous(
        self, counts: Callable[[Struck | Affected], bool] = vacuous.by_phase
    ) -> Iterator[Finding]:
        """One finding for each probe whose objectives were met although nothing could have violated
        them. `counts` says which victims and changes may have."""
        for member in self._members:
            step, state = member.step, self._state
            text = vacuous.calm(step, state) or vacuous.unrelated(
                step, member.behind, state, counts
            )
            if text:
                yield Finding(
                    name=f"{member.probe.name}.harmed",
                    result=Result.NOT_MEASURED,
                    reason=Reason.UNOBSERVED,
                    promised="the measured service was harmed",
                    measured=text,
                    place=step.place,
                )

    def records(self) -> list[ProbeRecord]:
        """What was recorded, for the report."""
        return [member.probe.record() for member in self._members]

    def _look(self, watched: list[_Member]) -> None:
        while not self._over.wait(LOOK_EVERY):
            for member in watched:
                if text := member.probe.below():
                    self._state.aborter.abort(f"{member.probe.name}: {text}", Why.BELOW)
                    return

    def _note(self, probe: RunningProbe, state: str) -> None:
        self._state.timeline.note(
            What.PROBE, f"{probe.name} {state}", {"name": probe.name, "state": state}
        )


def _placed(finding: Finding, step: Step) -> Finding:
    return finding if finding.place else replace(finding, place=step.place)


class _NoFlow:
    """Not supported: a probe contains no steps."""

    def perform(self, step: Step, limit: float) -> None:
        raise ActionFailed(f"{step.title}: a probe contains no steps")

    def attempt(self, step: Step, limit: float) -> Attempt:
        raise ActionFailed(f"{step.title}: a probe contains no steps")
