"""What a step of `drill.then` does is undone by its own verb: there is no verb named `drill`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resilience.cluster.interface import SECRETS
from resilience.engine.plan.plan_scenarios import asked_elsewhere
from resilience.model.verb import Family, Phase, Verb
from resilience.model.verdict import Outcome
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
