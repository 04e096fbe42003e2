"""The documents that people would want, written before the decoder: all of them load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resilience.kube.selectors import Selector
from resilience.language import Loaded, load
from resilience.model.scenario import DEFAULT_RATE, Plan, Scenario
from resilience.model.values import Duration, Rate
from resilience.model.verb import Phase
from tests.language.toys import TOYS

WANTED = Path(__file__).parent / "wanted"
FILES = sorted(WANTED.glob("*.yaml"))


def read(prefix: str, **environment: str) -> Loaded:
    (path,) = WANTED.glob(f"{prefix}-*.yaml")
    return load(path, None, TOYS, {"SHOP_HOST": "shop.example", **environment})


def scenario(prefix: str, **environment: str) -> Scenario:
    return read(prefix, **environment).scenarios[0]


def plan(prefix: str, **environment: str) -> Plan:
    return read(prefix, **environment).plans[0]


def parameters(prefix: str, index: int) -> Any:
    return scenario(prefix).when[index].parameters


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_wanted_document_loads_without_problems(path: Path) -> None:
    loaded = load(path, None, TOYS, {"SHOP_HOST": "shop.example"})
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.scenarios or loaded.plans


def test_twenty_scenarios_and_three_plans_are_wanted() -> None:
    assert len(list(WANTED.glob("*.scenario.yaml"))) == 20
    assert len(list(WANTED.glob("*.plan.yaml"))) == 3


def test_a_matrix_makes_one_test_for_each_combination_that_is_not_excluded() -> None:
    made = read("06").scenarios
    assert [one.id.partition("[")[2] for one in made] == [
        "share=33%,grace=own]",
        "share=33%,grace=0s]",
        "share=50%,grace=own]",
        "share=50%,grace=0s]",
        "share=100%,grace=own]",
    ]
    assert made[1].title == "shop survives losing 33% with 0s of grace"
    assert made[1].when[0].parameters.grace == Duration.of(0)
    assert made[0].when[0].parameters.grace == "own"


def test_the_environment_fills_in_what_a_file_leaves_open() -> None:
    one = scenario("07", SHOP_NAMESPACE="shop-7", SHOP_RATE="")
    assert one.namespace == "shop-7"
    assert one.probes[0].rate == Rate.parse("20/s")
    assert one.probes[0].parameters.headers == {"X-Tenant": "shop-7"}
    assert one.when[1].parameters.command == ("sh", "-c", "echo ${HOSTNAME} > /tmp/seen")
    assert one.when[1].lasting


def test_an_unset_variable_is_told_with_its_place() -> None:
    path = WANTED / "07-environment.scenario.yaml"
    (problem,) = load(path, None, TOYS, {"SHOP_HOSTS": "x"}).problems
    assert (problem.place.line, problem.place.column) == (4, 17)
    assert "`SHOP_HOST`" in problem.message
    assert problem.suggestion == "`SHOP_HOSTS`"


def test_yaml_guesses_at_no_text() -> None:
    first, second = read("20").scenarios
    http = first.probes[0]
    assert (http.parameters.service, http.parameters.contains) == ("NO", "12:30:00")
    assert http.name == "010"
    assert str(first.when[0].parameters.pods) == "country=NO"
    assert first.namespace == second.namespace == "no"


def test_flow_verbs_hold_steps_with_paths_of_their_own() -> None:
    repeat = scenario("16").when[0]
    assert [step.path for step in repeat.parameters.steps] == [
        "when[0].repeat[0]",
        "when[0].repeat[1]",
    ]
    parallel, one_of, _ = scenario("17").when
    assert [step.verb.name for step in parallel.parameters.steps] == ["kill", "restart"]
    assert [step.path for step in one_of.parameters.steps] == [
        "when[1].choose[0]",
        "when[1].choose[1]",
    ]
    refused = scenario("18").when[0].parameters.step
    assert (refused.verb.name, refused.path, refused.phase) == (
        "evict",
        "when[0].expect_refused",
        Phase.WHEN,
    )


def test_a_selector_of_several_requirements_is_a_value() -> None:
    assert parameters("04", 0).pods == Selector.parse("tier notin (batch,cache),app=shop")


def test_a_port_is_a_number_or_a_name() -> None:
    assert parameters("12", 1).ports == (5432, "metrics")


def test_a_probe_without_rate_has_the_default_one_and_is_called_by_its_verb() -> None:
    (probe,) = scenario("02").probes
    assert (probe.rate, probe.name) == (DEFAULT_RATE, "http")


def test_a_probe_that_does_not_measure_needs_no_objective() -> None:
    budget = scenario("08").probes[0]
    assert (budget.rate, budget.objective, budget.name) == (None, None, "disruption_budget")


def test_a_step_that_lasts_longer_than_the_default_gets_the_time_it_needs() -> None:
    assert scenario("18").when[1].within == Duration.parse("90s")
    assert not scenario("18").when[1].within_given


def test_an_alias_stands_for_what_it_names() -> None:
    _, second = read("20").scenarios
    assert second.then[0].parameters == second.probes[0].parameters


def test_the_fields_of_a_plan_are_typed_values() -> None:
    shop = plan("21")
    assert (shop.namespaces, shop.schedule, shop.timezone) == (
        ("shop",),
        "0 2 * * *",
        "Europe/Berlin",
    )
    assert (shop.keep.last, shop.keep.hourly, shop.keep.monthly) == (3, 0, 12)
    assert shop.objective.rpo == Duration.parse("26h")
    assert [step.verb.name for step in shop.given] == ["apply", "ready", "snapshot"]


def test_in_a_drill_the_namespace_is_the_scratch_one() -> None:
    drill = plan("21").drill
    assert drill is not None
    assert drill.into == "shop-drill"
    assert drill.then[2].parameters.headers == {"Host": "shop-drill.example"}
    assert drill.then[2].rate is None


def test_a_plan_of_many_namespaces_keeps_the_reference_for_each() -> None:
    drill = plan("23").drill
    assert drill is not None
    assert drill.into == "drill-${namespace}"
    assert plan("23").store == "s3://backups/platform"


def test_a_plan_says_what_it_takes_and_what_may_be_missing() -> None:
    platform = plan("23")
    assert platform.exclude.kinds == ("events", "*.cilium.io")
    assert platform.exclude.namespaces == ("team-test",)
    assert (platform.labels, platform.cluster) == (Selector.parse("!throwaway"), "all")
    assert platform.accept == ("metrics.k8s.io/v1beta1",)
    assert platform.grace == Duration.parse("2h")
    assert len(platform.recipients) == 1


def test_what_a_plan_leaves_out_promises_nothing() -> None:
    least = plan("22")
    assert (least.id, least.drill, least.schedule) == ("the-first-backup-of-a-newcomer", None, None)
    assert (least.objective.rpo, least.keep.last) == (None, 0)
