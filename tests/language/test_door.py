"""The door of the language: wanted documents load, and each file reports all its problems."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.language import Loaded, load
from resilience.model.values import Availability, Duration, Rate, Reference, Share
from resilience.model.verb import Phase
from tests.language.toys import TOYS, Kill, Ready

SCENARIO = b"""\
scenario: checkout survives losing a third of its Pods
id: checkout-loses-a-third
tags: [pods, smoke]
namespace: shop
seed: 7
given:
  - ready: deployment/checkout
while:
  - http: {service: checkout, port: http, path: /healthz, status: 200}
    name: checkout
    rate: 50/s
    objective: {availability: 99%, longest_outage: 2s, p99: 300ms}
when:
  - kill: {pods: app=checkout, share: 1/3, grace: 0s}
  - ready: deployment/checkout
    within: 90s
then:
  - recovered: {}
    within: 30s
"""


def read(text: bytes | str, **environment: str) -> Loaded:
    data = text.encode() if isinstance(text, str) else text
    return load(Path("a.scenario.yaml"), data, TOYS, environment)


def test_a_document_becomes_typed_values() -> None:
    loaded = read(SCENARIO)
    assert loaded.problems == ()
    (scenario,) = loaded.scenarios
    assert (scenario.id, scenario.tags, scenario.seed) == (
        "checkout-loses-a-third",
        ("pods", "smoke"),
        7,
    )
    kill, ready = scenario.when
    assert isinstance(kill.parameters, Kill)
    assert kill.parameters.share == Share.parse("1/3")
    assert kill.parameters.grace == Duration.of(0)
    assert isinstance(ready.parameters, Ready)
    assert ready.parameters.target == Reference("deployment", "checkout")
    assert (ready.within, ready.within_given, ready.path) == (Duration.of(90), True, "when[1]")


def test_a_probe_carries_rate_and_objective() -> None:
    (probe,) = read(SCENARIO).scenarios[0].probes
    assert probe.phase is Phase.WHILE
    assert probe.rate == Rate.parse("50/s")
    assert probe.objective is not None
    assert probe.objective.availability == Availability.parse("99%")
    assert probe.objective.latency == {99.0: Duration.parse("300ms")}


def test_every_problem_of_a_file_is_told_at_once_and_in_order() -> None:
    text = SCENARIO.replace(b"share: 1/3", b"shar: 1/3").replace(b"seed: 7", b"seed: x")
    text += b"---\nscenarios: two\n---\nscenario: three\nwhen: []\n"
    problems = read(text).problems
    assert [problem.place.line for problem in problems] == [5, 14, 21, 23, 24]
    assert list(problems) == sorted(problems)


def test_a_document_before_one_that_is_no_yaml_is_read_all_the_same() -> None:
    loaded = read(SCENARIO + b"---\nscenario: [x\n")
    assert len(loaded.scenarios) == 1
    assert [problem.place.line for problem in loaded.problems] == [len(SCENARIO.splitlines()) + 2]


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (problem,) = load(tmp_path / "a.scenario.yaml", None, TOYS, {}).problems
    assert problem.message == "the file cannot be read: no such file or directory"
    (problem,) = load(tmp_path, None, TOYS, {}).problems
    assert problem.message == "the file cannot be read: is a directory"


def test_a_matrix_with_one_wrong_combination_gives_no_test_at_all() -> None:
    loaded = read(
        b"scenario: x\nmatrix: {count: [1, none]}\nwhen:\n"
        b"  - kill: {pods: app=x, count: '${matrix.count}'}\nthen:\n  - ready: all\n"
    )
    assert loaded.scenarios == ()
    assert [problem.message for problem in loaded.problems] == [
        "`count` is `none` (from `${matrix.count}`)"
    ]


@pytest.mark.parametrize(
    ("place", "tag"),
    [
        ("tags: [!x a]", "!x"),
        ("!x tags: [a]", "!x"),
        ("seed: !x 5", "!x"),
        ("tags: !x [a]", "!x"),
        ("tags: !!int [a]", "tag:yaml.org,2002:int"),
        ("tags: !!str {a: b}", "tag:yaml.org,2002:str"),
        ("seed: !!map 5", "tag:yaml.org,2002:map"),
    ],
)
def test_a_yaml_tag_is_told_wherever_it_stands(place: str, tag: str) -> None:
    loaded = read(SCENARIO.replace(b"seed: 7", b"").replace(b"tags: [pods, smoke]", place.encode()))
    assert [problem.message for problem in loaded.problems] == [
        f"the YAML tag `{tag}` is not supported here"
    ]


def test_a_wrong_document_does_not_hide_the_others() -> None:
    loaded = read(b"scenario: one\n---\n" + SCENARIO)
    assert [scenario.id for scenario in loaded.scenarios] == ["checkout-loses-a-third"]
    assert loaded.problems
