"""A check that is asked in time and answered after its deadline does not decide."""

from __future__ import annotations

from collections.abc import Callable

from resilience.model.scenario import Step
from resilience.model.verb import Family, Phase, Verb
from resilience.model.verdict import Outcome
from resilience.verbs.context import CheckContext, NotMet
from tests.engine.helpers import World, step
from tests.engine.run.test_steps import Nothing, toy

WITHIN = 5.0


def _unplugged(here: World) -> Step:
    def work(context: object) -> None:
        context.affected(here.pods()[0], "unplugged")  # type: ignore[attr-defined]
        context.proof("it is off", {})  # type: ignore[attr-defined]

    return toy(work)


def _asked(here: World, *answers: Callable[[], str]) -> tuple[Outcome, str, int]:
    """How a run ends whose check gives these answers, the last one for good, and how many it
    gave."""
    given: list[Callable[[], str]] = []

    def ask(_parameters: object, _context: CheckContext) -> str:
        given.append(answers[min(len(given), len(answers) - 1)])
        return given[-1]()

    verb = Verb(
        name="lit",
        family=Family.CHECK,
        summary="Whether it is lit.",
        parameters=Nothing,
        phases=frozenset({Phase.THEN}),
        describe=lambda _: "lit",
        run=ask,
    )
    record = here.run(when=[_unplugged(here)], then=[step(verb, Phase.THEN, within=WITHIN)])
    return record.outcome, record.message, len(given)


def _late(here: World, text: str, *, final: bool = False) -> Callable[[], str]:
    def answer() -> str:
        here.clock.now += WITHIN + 3
        raise NotMet(text, final=final)

    return answer


def _dark() -> str:
    raise NotMet("dark")


def test_what_was_answered_late_is_asked_once_more(here: World) -> None:
    outcome, message, times = _asked(here, _late(here, "out of date"), lambda: "lit again")
    assert (outcome, message, times) == (Outcome.PASSED, "", 2)


def test_the_second_answer_decides(here: World) -> None:
    outcome, message, times = _asked(here, _late(here, "out of date"), _dark)
    assert (outcome, times) == (Outcome.SERVICE_FAILED, 2)
    assert "not within 5s: dark" in message


def test_a_final_answer_decides_however_late(here: World) -> None:
    outcome, message, times = _asked(here, _late(here, "for good", final=True), lambda: "lit")
    assert (outcome, times) == (Outcome.SERVICE_FAILED, 1)
    assert "for good" in message


def test_what_is_asked_after_the_deadline_is_asked_once(here: World) -> None:
    """However long each answer takes."""
    outcome, _, times = _asked(here, _late(here, "one"), _late(here, "two"), lambda: "lit")
    assert (outcome, times) == (Outcome.SERVICE_FAILED, 2)
