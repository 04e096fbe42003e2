"""What the engine demands of every action, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from resilience.engine.base.abort import Why
from resilience.engine.base.run_guard import RunGuard
from resilience.engine.base.seeds import stream
from resilience.model.scenario import Step
from resilience.model.verb import Family, Phase, Residue, Verb
from resilience.model.verdict import Outcome
from resilience.verbs.context import ActionContext
from tests.engine.helpers import World, step


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """No parameters."""


def toy(work: Callable[[ActionContext], None], **more: object) -> Step:
    verb = Verb(
        name="unplug",
        family=Family.ACTION,
        summary="Unplug.",
        parameters=Nothing,
        phases=frozenset({Phase.WHEN}),
        describe=lambda _: "unplug",
        run=lambda _, context: work(context),
        residue=Residue.NAMED,
        residue_text="dust",
    )
    return step(verb, Phase.WHEN, **more)  # type: ignore[arg-type]


def test_an_action_without_proof_of_its_effect_is_an_error(here: World) -> None:
    record = here.run(when=[toy(lambda context: context.affected(here.pods()[0], "unplugged"))])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no proof that the action took effect" in record.message
    assert record.residues == ()


def test_an_action_that_names_nobody_is_an_error(here: World) -> None:
    record = here.run(when=[toy(lambda context: context.proof("it is off", {}))])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "nothing was harmed" in record.message


def test_a_defect_in_a_verb_is_told_as_one_and_still_undone(here: World) -> None:
    def broken(context: ActionContext) -> None:
        context.will_undo({}, "plug in again")
        raise KeyError("socket")

    record = here.run(when=[toy(broken)])
    assert record.outcome is Outcome.UNDO_INCOMPLETE
    assert "a defect in the verb `unplug`: KeyError: 'socket'" in record.message
    assert "plug in again" in record.leftovers[0]


@pytest.mark.parametrize(
    ("request_", "outcome"), [("POST /api/v1/pods", Outcome.PASSED), ("", Outcome.NOT_MEASURED)]
)
def test_a_refusal_that_an_action_tells_with_its_place_is_still_one(
    here: World, request_: str, outcome: Outcome
) -> None:
    """`apply` says where in the manifest; a kind that is not served was never asked for."""
    from resilience.actions.flow.expect_refused import VERB
    from resilience.cluster.errors import Forbidden
    from resilience.verbs.context import ActionFailed

    def refused(context: ActionContext) -> None:
        cause = Forbidden(403, "exceeded quota", request=request_)
        raise ActionFailed(f"shop.yaml:3:1: {cause}") from cause

    inner = toy(refused)
    record = here.run(when=[step(VERB, Phase.WHEN, step=inner)])
    assert record.outcome is outcome, record.message


BUDGET = {"details": {"causes": [{"reason": "DisruptionBudget"}]}}


@pytest.mark.parametrize(
    ("code", "message", "status", "by_rule"),
    [
        (403, "exceeded quota", {}, True),
        (422, "spec.replicas: must not be negative", {}, True),
        (429, "Cannot evict pod", BUDGET, True),
        (400, 'admission webhook "a.b.c" denied the request: no', {}, True),
        (400, 'strict decoding error: unknown field "spec.x"', {}, False),
        (401, "Unauthorized", {}, False),
        (404, "not found", {}, False),
        (409, "the object has been modified", {}, False),
        (429, "too many requests, please try again later", {}, False),
        (500, "internal error", {}, False),
    ],
)
def test_only_a_rule_of_the_cluster_refuses(
    here: World, code: int, message: str, status: dict[str, object], by_rule: bool
) -> None:
    from resilience.actions.flow.expect_refused import VERB
    from resilience.cluster.errors import error_for

    def refused(context: ActionContext) -> None:
        raise error_for(code)(code, message, status=status)

    record = here.run(when=[step(VERB, Phase.WHEN, step=toy(refused))])
    assert (record.outcome is Outcome.PASSED) is by_rule, record.message
    assert by_rule or message in record.message


def test_a_guard_that_refuses_a_step_ends_the_run_before_it(here: World) -> None:
    from resilience.verbs.context import Refused

    asked: list[str] = []

    class Paused(RunGuard):
        def before(self, step: Step) -> None:
            asked.append(step.path)
            raise Refused("resilience/paused is set")

    record = here.run(when=[toy(lambda context: None)], guard=Paused())
    assert record.outcome is Outcome.REFUSED
    assert asked == ["when[0]"]


def test_a_cluster_that_ended_under_the_run_ends_the_run_at_once(here: World) -> None:
    def die(context: ActionContext) -> None:
        context.will_undo({}, "plug in again")
        here.cluster.gone = "it was unplugged"
        context.clock.wait(10_000)

    started = here.clock.now
    record = here.run(when=[toy(die)], ephemeral=True)
    assert record.outcome is Outcome.HARNESS_ERROR
    assert "it was unplugged" in record.message
    assert here.aborter.why is Why.GONE
    assert here.clock.now - started < 5
    assert record.leftovers == ()
    assert here.sink.finished is True


def test_a_steps_random_stream_is_its_own() -> None:
    one, other = stream(7, "when[0]"), stream(7, "when[1]")
    assert [one.random() for _ in range(3)] != [other.random() for _ in range(3)]
    assert stream(7, "when[0]").random() == stream(7, "when[0]").random()
    assert stream(8, "when[0]").random() != stream(7, "when[0]").random()
