"""What a drill leaves: a step of `drill.then` is undone by its own verb, a namespace is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from resilience.backup.format import errors
from resilience.cluster.errors import (
    Behind,
    ClusterEnded,
    NotFound,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.cluster.interface import SECRETS
from resilience.engine.plan.plan_checks import VERBS, _judged
from resilience.engine.plan.scratch_steps import asked_elsewhere
from resilience.model.place import Place
from resilience.model.scenario import Plan
from resilience.model.verb import Family, Phase, Verb
from resilience.model.verdict import Finding, Outcome, Result
from resilience.verbs.context import CheckContext
from tests.engine.helpers import step, world

NAME = "prober"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """No parameters."""


def _place(_: Nothing, context: Any) -> str:
    """As an in-cluster prober does: in the journal first, then there."""
    context.will_undo({"name": NAME}, f"remove {NAME}")
    made = {"metadata": {"name": NAME, "namespace": context.namespace}}
    context.cluster.create(SECRETS, made, context.namespace)
    return "placed"


def _remove(data: Mapping[str, Any], context: Any) -> None:
    context.cluster.delete(SECRETS, data["name"], "shop")


PLACE = Verb(
    name="place", family=Family.CHECK, summary="", parameters=Nothing,
    phases=frozenset({Phase.THEN}), run=_place, describe=lambda _: "place", undo=_remove,
)  # fmt: skip


def _around(_: Nothing, context: CheckContext) -> str:
    inner = step(PLACE, Phase.THEN, within=5)
    return asked_elsewhere(inner, "shop", context).measured


AROUND = dataclasses.replace(PLACE, name="around", run=_around, undo=None)


def test_the_verb_that_is_asked_in_a_drill_undoes_what_it_placed(tmp_path: Path) -> None:
    here = world()
    here.directory = tmp_path
    record = here.run(then=[step(AROUND, Phase.THEN)])
    assert record.outcome is Outcome.PASSED, record.message
    assert [line for line in here.sink.lines if "place" in str(line)]
    assert here.cluster.find(SECRETS, "shop") == []


PLAN = Plan(id="shop", title="shop", namespaces=("shop",), store="file:./data",
            place=Place(file="shop.plan.yaml", line=1, column=1))  # fmt: skip


def test_the_details_of_failed_findings_are_in_the_message(tmp_path: Path) -> None:
    def judge(plan: Plan, context: CheckContext) -> Sequence[Finding]:
        passed = Finding(name="rto", result=Result.PASSED, promised="in time", measured="1s",
                         detail=("of no interest",))  # fmt: skip
        failed = Finding(name="rights", result=Result.FAILED, promised="every Role",
                         measured="1 Role is missing", place=PLAN.place,
                         detail=("Role shop/leader", "add it"))  # fmt: skip
        return [passed, failed]

    drill = dataclasses.replace(VERBS["intact"], run=_judged(judge))
    here = world()
    here.directory = tmp_path
    asked = step(drill, Phase.THEN, plan=PLAN, kind="intact")
    record = here.run(then=[dataclasses.replace(asked, place=PLAN.place)])
    assert record.outcome is Outcome.SERVICE_FAILED
    said = [line.strip() for line in record.message.splitlines()]
    assert "rights: 1 Role is missing" in said
    assert said.count("Role shop/leader") == said.count("add it") == 1
    assert "of no interest" not in said


@pytest.mark.parametrize(
    ("problem", "outcome"),
    [
        (errors.Tampered("the hash differs"), Outcome.SERVICE_FAILED),
        (errors.NoSnapshot("there is none"), Outcome.SERVICE_FAILED),
        (errors.StoreRefused("403"), Outcome.SERVICE_FAILED),
        (errors.RestoreRefused("a quota"), Outcome.SERVICE_FAILED),
        (errors.StoreUnreachable("timed out"), Outcome.NOT_MEASURED),
        (errors.HelperLost("its Pod was evicted"), Outcome.NOT_MEASURED),
        (errors.Busy("run r2 holds the lock"), Outcome.NOT_MEASURED),
        (Unreachable("connection refused"), Outcome.NOT_MEASURED),
        (ServerTrouble(503, "busy"), Outcome.NOT_MEASURED),
        (Throttled(429, "later"), Outcome.NOT_MEASURED),
        (Behind("the watch is late"), Outcome.NOT_MEASURED),
        (ClusterEnded("the sandbox ended"), Outcome.NOT_MEASURED),
        (NotFound(404, "the copy has no Service web"), Outcome.SERVICE_FAILED),
        (errors.InUse("namespace shop-drill exists"), Outcome.REFUSED),
        (errors.NoWall("packets pass"), Outcome.REFUSED),
        (errors.BadRequest("no such key"), Outcome.REFUSED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_is_about_the_backup_fails_it(
    tmp_path: Path, problem: Exception, outcome: Outcome
) -> None:
    def judge(plan: Plan, context: CheckContext) -> Sequence[Finding]:
        raise problem

    drill = dataclasses.replace(VERBS["intact"], run=_judged(judge))
    here = world()
    here.directory = tmp_path
    record = here.run(then=[step(drill, Phase.THEN, plan=PLAN, kind="intact")])
    assert record.outcome is outcome
    assert str(problem) in record.message


@pytest.mark.parametrize("proven", [True, False])
def test_a_scratch_namespace_that_does_not_go_is_a_leftover_and_no_failure_of_the_backup(
    tmp_path: Path, proven: bool
) -> None:
    def judge(plan: Plan, context: CheckContext) -> Sequence[Finding]:
        context.leave("delete namespace shop-drill: it is still Terminating")
        if not proven:
            raise errors.StillThere("namespace shop-drill is still Terminating")
        return [Finding(name="rto", result=Result.PASSED, promised="in time", measured="1s")]

    drill = dataclasses.replace(VERBS["intact"], run=_judged(judge))
    here = world()
    here.directory = tmp_path
    record = here.run(then=[step(drill, Phase.THEN, plan=PLAN, kind="intact")])
    assert record.outcome is Outcome.UNDO_INCOMPLETE
    assert record.leftovers[0] == "delete namespace shop-drill: it is still Terminating"
    assert "`resilience recover` tries again" in record.message
    assert [each.name for each in record.findings if each.name == "rto"] == ["rto"] * proven
