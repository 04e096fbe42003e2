"""Which verbs exist: found by name, imported when asked for, never able to stop a run."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from resilience.language import load
from resilience.model.verb import Unusable, Verb
from resilience.verbs.catalogue import FORMER, GROUP, Verbs
from tests.language.toys import VERBS

UNPLUG = VERBS["kill"]
NO_VERB = "not a verb"


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


def catalogue(*points: EntryPoint) -> Verbs:
    return Verbs(builtin={"sleep": "resilience.actions.flow.sleep"}, installed=lambda: points)


def reason(verbs: Verbs, name: str) -> str:
    found = verbs.find(name)
    assert isinstance(found, Unusable)
    return found.reason


def test_one_of_ours_is_found_by_its_name() -> None:
    found = catalogue().find("sleep")
    assert isinstance(found, Verb)
    assert found.name == "sleep"


def test_an_unknown_name_is_nothing() -> None:
    assert catalogue().find("unplug") is None


def test_a_third_party_adds_a_verb_by_an_entry_point() -> None:
    verbs = catalogue(point("kill", "tests.verbs.test_catalogue:UNPLUG"))
    assert verbs.find("kill") is UNPLUG
    assert verbs.names() == ["kill", "sleep"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("no_such_module:VERB", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("tests.verbs.test_catalogue:MISSING", "AttributeError"),
        ("tests.verbs.test_catalogue:NO_VERB", "is not a verb called unplug"),
        ("tests.verbs.test_catalogue:UNPLUG", "is not a verb called unplug"),
        ("tests.language.broken_verb:VERB", "ZeroDivisionError"),
    ],
)
def test_a_verb_that_cannot_be_loaded_says_why(value: str, says: str) -> None:
    assert says in reason(catalogue(point("unplug", value)), "unplug")


def test_two_owners_of_one_name_are_both_told() -> None:
    verbs = catalogue(point("unplug", "one.a:VERB"), point("unplug", "two.b:VERB"))
    assert reason(verbs, "unplug") == "it is declared by one.a:VERB and by two.b:VERB"


def test_a_third_party_cannot_replace_one_of_ours() -> None:
    verbs = catalogue(point("sleep", "tests.verbs.test_catalogue:UNPLUG"))
    found = verbs.find("sleep")
    assert isinstance(found, Verb)
    assert found is not UNPLUG
    assert verbs.shadowed() == [
        "the verb `sleep` of tests.verbs.test_catalogue:UNPLUG has the name of a built-in verb"
    ]


def test_a_broken_verb_is_a_problem_where_it_is_used() -> None:
    verbs = catalogue(point("unplug", "no_such_module:VERB"))
    text = b"scenario: x\nwhen:\n  - unplug: {}\nthen:\n  - sleep: 1s\n"
    problems = load(Path("a.scenario.yaml"), text, verbs, {}).problems
    assert [problem.place.line for problem in problems] == [3, 5]
    assert "the verb `unplug` cannot be loaded: no_such_module:VERB fails" in problems[0].message


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys; from resilience.verbs.catalogue import catalogue; catalogue().names();"
        "found = [m for m in sys.modules if m.startswith('resilience.') and 'model' not in m];"
        "print(sorted(found)); print('yaml' in sys.modules, 'kubernetes' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.splitlines() == [
        "['resilience.verbs', 'resilience.verbs.catalogue']",
        "False False",
    ]


@pytest.mark.parametrize(("former", "name"), sorted(FORMER.items()))
def test_a_former_name_still_leads_to_its_verb(former: str, name: str) -> None:
    verbs = Verbs()
    assert verbs.find(former) is verbs.find(name)
    assert former not in verbs.names()


def test_a_file_with_a_former_name_is_read_and_says_so() -> None:
    text = (
        b"scenario: x\nwhen:\n  - lose: [configmap/a]\n    lasting: true\nthen:\n  - ready: all\n"
    )
    loaded = load(Path("a.scenario.yaml"), text, Verbs(), {})
    assert not loaded.problems
    assert [step.verb.name for step in loaded.scenarios[0].when] == ["delete"]
    assert [(notice.place.line, notice.expected) for notice in loaded.notices] == [(3, "`delete`")]


def test_a_present_name_gives_no_notice() -> None:
    text = (
        b"scenario: x\nwhen:\n  - delete: [configmap/a]\n    lasting: true\nthen:\n  - ready: all\n"
    )
    assert load(Path("a.scenario.yaml"), text, Verbs(), {}).notices == ()
