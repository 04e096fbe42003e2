"""`during:`: its words, its mistakes, and what becomes of `before` and `after`."""

from __future__ import annotations

import pytest

from resilience.model.scenario import Scenario
from resilience.model.verb import Phase
from tests.language.test_door import read

TEXT = """\
scenario: windows
namespace: shop
settle: 30s
{top}
while:
  - http: {{service: shop}}
    name: shop
    {keys}
when:
  - kill: {{pods: app=shop, count: 1}}
    name: lose one
then:
  - ready: deployment/shop
"""
AIM = "objective: {availability: 99%}"


def loaded(during: str, keys: str = AIM, top: str = "") -> Scenario:
    found = read(TEXT.format(top=top, keys=f"during: {during}\n    {keys}"))
    assert not found.problems, found.problems
    return found.scenarios[0]


def problem(during: str, keys: str = AIM, top: str = "") -> str:
    [told] = read(TEXT.format(top=top, keys=f"during: {during}\n    {keys}")).problems
    return str(told)


@pytest.mark.parametrize("during", ["[baseline, fault, recovery]", "fault", "[lose one, recovery]"])
def test_windows_are_words_or_steps(during: str) -> None:
    [probe] = loaded(during).probes
    assert probe.during == tuple(during.strip("[]").split(", "))


def test_a_baseline_is_measured_for_ten_seconds_unless_written() -> None:
    assert str(loaded("[baseline, fault]").baseline) == "10s"
    assert str(loaded("baseline", top="baseline: 20s").baseline) == "20s"
    assert loaded("fault").baseline is None


@pytest.mark.parametrize(
    ("during", "told", "hint"),
    [
        ("[baseline, foult]", "no step under `when:` has the name `foult`", "`fault`"),
        ("lose two", "no step under `when:` has the name `lose two`", "`lose one`"),
        ("[fault, fault]", "`fault` is there twice", ""),
    ],
)
def test_a_word_that_names_nothing_is_told(during: str, told: str, hint: str) -> None:
    text = problem(during)
    assert told in text
    assert hint in text


def test_a_step_may_not_be_called_like_a_window_that_is_used() -> None:
    text = TEXT.replace("name: lose one", "name: fault")
    [told] = read(text.format(top="", keys=f"during: fault\n    {AIM}")).problems
    assert "`fault` is a window, and a step under `when:` has that name too" in str(told)


def test_a_window_that_is_too_short_for_the_objective_is_told() -> None:
    told = problem("baseline", "objective: {availability: 99.9%}")
    assert "3,000 samples, and at 50/s no more than 500 fit into the 10s that the window" in told
    assert "a rate of at least 300/s" in told
    loaded("baseline", "objective: {availability: 99.9%}\n    rate: 300/s")
    loaded("baseline", "objective: {availability: 99.9%}", "baseline: 60s")


def test_before_and_after_are_checks_and_no_probe() -> None:
    made = loaded("[before, after]", "within: 5s")
    assert made.probes == ()
    first, last = made.given[-1], made.then[0]
    assert (first.phase, last.phase) == (Phase.GIVEN, Phase.THEN)
    assert (first.name, last.name) == ("shop (before)", "shop (after)")
    assert (first.path, last.path) == ("while[0].before", "while[0].after")
    assert str(first.within) == str(last.within) == "5s"
    assert (first.rate, first.objective, first.during) == (None, None, ())
    assert made.then[1].verb.name == "ready"


@pytest.mark.parametrize("during", ["fault", "[before, fault]"])
def test_what_is_judged_cannot_be_optional(during: str) -> None:
    told = problem(during, f"{AIM}\n    optional: true")
    assert "`optional` is next to the probe `http`, whose objective is always judged" in told
    assert not loaded(during, f"{AIM}\n    optional: false").probes[0].optional


def test_what_asks_once_may_be_optional() -> None:
    made = loaded("[before, after]", "optional: true")
    assert made.given[-1].optional
    assert made.then[0].optional


def test_one_probe_may_ask_once_and_measure() -> None:
    made = loaded("[before, fault]")
    assert made.probes[0].during == ("fault",)
    assert made.given[-1].name == "shop (before)"
    assert [step.verb.name for step in made.then] == ["ready"]


def test_what_asks_once_has_no_objective_and_no_rate() -> None:
    assert "`objective` is next to a probe that asks once" in problem("[before, after]")
    assert "`rate` is next to a probe that asks once" in problem("after", "rate: 5/s")
    assert "has no objective" in problem("[before, fault]", "rate: 5/s")


@pytest.mark.parametrize("key", ["recovery: 5s", "error_budget: 0.1% of 30d"])
def test_an_objective_about_the_fault_needs_to_see_it(key: str) -> None:
    told = problem("baseline", f"objective: {{availability: 99%, {key}}}")
    assert "is about the fault, and `during` ends before it" in told


def test_a_budget_that_may_burn_unseen_is_refused() -> None:
    told = problem("fault", "objective: {error_budget: 1% of 0.01% of 1h}")
    assert "an error budget of 1% of 0.01% of 1h allows 3.6ms of failure" in told
    assert "a rate of at least 834/s" in told
    loaded("fault", "objective: {error_budget: 1% of 0.01% of 1h}\n    rate: 834/s")
    loaded("fault", "objective: {error_budget: 0.1% of 30d}")


@pytest.mark.parametrize(
    ("written", "meant"),
    [("99.9%", "0.1% of 30d"), ("99.9% of 7d", "0.1% of 7d"), ("0.1%", "0.1% of 30d"),
     ("0.1% per 30d", "0.1% of 30d"), ("0.1%/28d", "0.1% of 28d")],
)  # fmt: skip
def test_other_notations_of_a_budget_are_recognised(written: str, meant: str) -> None:
    assert f"`{meant}`" in problem("fault", f"objective: {{error_budget: {written}}}")


def test_a_probe_that_cannot_ask_once_says_so() -> None:
    text = TEXT.replace("http: {{service: shop}}", "tcp: {{service: shop, port: 1}}")
    [told] = read(text.format(top="", keys="during: before")).problems
    assert "`tcp` cannot be used as a single check" in str(told)
