"""Executes one step under all rules of the engine, for every family of verbs.

An action must name its victims and prove its effect. A check is repeated on every change until it
holds or its deadline has passed; under `then` it runs once unless `within` is written. A failed
step raises `Stopped` unless it is optional, and the phase ends there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from threading import Lock

from resilience.cluster.errors import (
    Behind,
    ClusterError,
    ServerTrouble,
    Unreachable,
    refused_by_rule,
)
from resilience.cluster.permit.door import NotCovered
from resilience.engine.base.defect import defect
from resilience.engine.run.contexts import StepContext
from resilience.engine.run.state import Done, RunState
from resilience.model.scenario import Step
from resilience.model.timeline import What
from resilience.model.verb import Family, Phase
from resilience.model.verdict import Outcome, Result, StepRecord
from resilience.verbs.context import ActionFailed, Attempt, Blocked, NotMet, Refused


class Stopped(Exception):
    """A step that was not optional failed."""

    def __init__(self, done: Done) -> None:
        super().__init__(done.record.message)
        self.done = done


@dataclass(frozen=True, slots=True)
class _Ended:
    outcome: Outcome
    message: str
    denied: bool = (
        False  # by the API server or a budget, not by a guard of this project or by chance
    )


def nothing() -> None:
    """Called before the first action; does nothing by default."""


class Steps:
    """Executes steps of one run, in the order of the calls."""

    def __init__(self, state: RunState, before_acting: Callable[[], None] = nothing) -> None:
        self._state = state
        self._before_acting = before_acting
        self._lock = Lock()  # `parallel` executes steps in several threads

    def perform(self, step: Step, limit: float = inf) -> None:
        """Execute one step, from its first entry in the timeline to its record; `limit` is its
        latest end."""
        done, _ = self._perform(step, limit)
        if done.outcome is not Outcome.PASSED and not step.optional:
            raise Stopped(done)

    def attempt(self, step: Step, limit: float = inf) -> Attempt:
        """The same for a step that may fail; its outcome alone decides nothing."""
        done, ended = self._perform(replace(step, optional=True), limit)
        return Attempt(done.outcome, ended.message, ended.denied)

    def _perform(self, step: Step, limit: float) -> tuple[Done, _Ended]:
        state = self._state
        state.clock.wait(0)  # raises if the run was aborted between two steps
        started = state.clock.monotonic()
        state.timeline.note(What.STEP, step.title, _facts(step, "started"))
        deadline = min(started + step.within.seconds, limit)
        context = StepContext(state, step, deadline, self, limit)
        with self._lock:
            index = len(state.done)
            state.done.append(_done(step, started, None, _Ended(Outcome.INTERRUPTED, "")))
        ended = self._carry_out(step, context)
        state.done[index] = done = _done(step, started, state.clock.monotonic(), ended)
        word = "done" if ended.outcome is Outcome.PASSED else "failed"
        said = ended.message if _is_check(step) or word == "failed" else step.title
        state.timeline.note(What.STEP, f"{word}: {said}", _facts(step, word))
        return done, ended

    def _carry_out(self, step: Step, context: StepContext) -> _Ended:
        try:
            self._state.options.guard.before(step)
            if _is_check(step):
                return self._check(step, context)
            self._act(step, context)
            return _Ended(Outcome.PASSED, "; ".join(context.proofs))
        except Stopped as stopped:  # an inner step of a flow verb
            return _Ended(stopped.done.outcome, stopped.done.record.message)
        except NotMet as error:  # a flow verb's own expectation
            return _Ended(_of_check(step), str(error))
        except Refused as error:
            return _Ended(Outcome.REFUSED, str(error))
        except NotCovered as error:
            return _Ended(Outcome.REFUSED, str(error))
        except Blocked as error:
            return _Ended(Outcome.BLOCKED, str(error), denied=True)
        except (ActionFailed, ClusterError) as error:
            denied = refused_by_rule(error)
            refused = isinstance(error.__cause__, NotCovered)
            outcome = Outcome.REFUSED if refused else outcome_of(error)
            return _Ended(outcome, str(error), denied=denied)
        except Exception as error:  # noqa: BLE001  a defect in a verb must not skip the undo
            return _Ended(Outcome.HARNESS_ERROR, defect(f"the verb `{step.verb.name}`", error))

    def _act(self, step: Step, context: StepContext) -> None:
        state = self._state
        if step.verb.family is not Family.ACTION:
            step.verb.run(step.parameters, context)
            return
        if step.phase is Phase.WHEN and state.struck_at is None:
            self._before_acting()
            state.struck_at = state.clock.monotonic()
        step.verb.run(step.parameters, context)
        if step.phase is Phase.WHEN and not context.struck:
            raise ActionFailed(f"{step.title}: nothing was harmed, so nothing can be proven")
        if not context.proofs:
            raise ActionFailed(
                f"{step.title}: the cluster shows no proof that the action took effect"
            )
        if step.verb.residue_text and step.verb.residue_text not in state.residues:
            state.residues.append(step.verb.residue_text)

    def _check(self, step: Step, context: StepContext) -> _Ended:
        once = step.phase is Phase.THEN and not step.within_given
        deadline = context.asked_since if once else context.deadline
        last: list[NotMet | ClusterError] = []
        texts: list[str] = []

        ask = step.verb.ask if step.verb.family is Family.PROBE else step.verb.run
        if ask is None:
            raise ActionFailed(f"`{step.verb.name}` is not allowed under {step.phase.value}")

        def holds() -> bool:
            decides = once or self._state.clock.monotonic() >= deadline
            if blind := self._state.unseen(last=decides):
                last[:] = [Behind(blind)]
                return False
            try:
                texts.append(ask(step.parameters, context))
            except NotMet as error:
                last[:] = [error]
                return error.final
            except (Behind, Unreachable, ServerTrouble) as error:
                last[:] = [error]  # not seen, so not failed: repeat until the deadline
                return False
            last.clear()
            return True

        if self._state.clock.until(holds, deadline) and not last:
            return _Ended(Outcome.PASSED, texts[-1])
        if not isinstance(last[0], NotMet) or last[0].unknown:
            return _Ended(Outcome.NOT_MEASURED, str(last[0]))
        waited = "" if once or last[0].final else f"not within {step.within}: "
        return _Ended(_of_check(step), f"{waited}{last[0]}")


def outcome_of(error: ActionFailed | ClusterError) -> Outcome:
    """The outcome for a step that could not be executed. The harness is at fault only if the API
    server gave no usable answer; after a wrong selector or manifest nothing was measured."""
    if isinstance(error, Unreachable | ServerTrouble):
        return Outcome.HARNESS_ERROR
    return Outcome.NOT_MEASURED


def _is_check(step: Step) -> bool:
    """Outside `while`, a probe sends one request, as a check does."""
    return step.verb.family in (Family.CHECK, Family.PROBE)


def _of_check(step: Step) -> Outcome:
    """The outcome of a failed check; before anything was broken it says nothing about
    resilience."""
    return Outcome.NOT_MEASURED if step.phase is Phase.GIVEN else Outcome.SERVICE_FAILED


def _facts(step: Step, state: str) -> dict[str, str]:
    return {"path": step.path, "state": state, "verb": step.verb.name, "phase": step.phase.value}


def _done(step: Step, started: float, ended: float | None, how: _Ended) -> Done:
    result = {Outcome.PASSED: Result.PASSED, Outcome.SERVICE_FAILED: Result.FAILED}.get(
        how.outcome, Result.NOT_MEASURED
    )
    record = StepRecord(
        path=step.path,
        phase=step.phase.value,
        verb=step.verb.name,
        title=step.title,
        place=step.place,
        started=started,
        ended=ended,
        result=result,
        message=how.message,
        optional=step.optional,
        facts={"outcome": how.outcome.value, "family": step.verb.family.value},
    )
    return Done(record=record, outcome=how.outcome, optional=step.optional)
