"""The language with the verbs that really exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.language import load
from resilience.language.compiled import record_of
from resilience.language.shape.keys import ALL
from resilience.model.verb import Family, Phase, Residue, Verb
from resilience.reference.verbs_reference import as_step
from resilience.verbs.catalogue import BUILTIN
from tests.language.real import MERGED, REAL

WANTED = Path(__file__).parent / "wanted"
ROOT = Path(__file__).parents[2]


def found(name: str) -> Verb:
    verb = REAL.find(name)
    assert isinstance(verb, Verb)
    return verb


@pytest.mark.parametrize("path", sorted(WANTED.glob("*.yaml")), ids=lambda path: path.name)
def test_a_wanted_document_loads_with_the_real_verbs(path: Path) -> None:
    loaded = load(path, None, MERGED, {"SHOP_HOST": "shop.example"})
    assert [str(problem) for problem in loaded.problems] == []


@pytest.mark.parametrize(
    "path",
    [*ROOT.glob("scenarios/*.scenario.yaml"), *ROOT.glob("backups/*.plan.yaml")],
    ids=lambda path: path.name,
)
def test_a_shipped_document_loads_without_any_environment(path: Path) -> None:
    loaded = load(path, None, REAL, {}, namespace="default")
    assert [str(problem) for problem in loaded.problems] == []


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_each_verb_has_a_summary_phases_and_an_example(name: str) -> None:
    verb = found(name)
    assert verb.name == name
    assert name not in ALL
    assert verb.summary.endswith(".")
    assert verb.phases
    assert verb.example
    record = record_of(verb.parameters)
    assert all(item.doc.endswith(".") for item in record.fields.values())
    assert not verb.shorthand or verb.shorthand in {i.name for i in record.fields.values()}
    if verb.family is Family.ACTION:
        assert verb.proof
        assert verb.residue is Residue.EVERYTHING or verb.undo_text or verb.residue_text


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_the_example_of_a_verb_is_right(name: str, tmp_path: Path) -> None:
    verb = found(name)
    phase = next(phase for phase in (Phase.WHILE, Phase.WHEN, Phase.THEN) if phase in verb.phases)
    (tmp_path / "manifests").mkdir()
    for manifest in ("checkout.yaml", "shop.yaml"):
        (tmp_path / "manifests" / manifest).write_text(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
        )
    steps = {Phase.WHEN: "- sleep: 5m", Phase.THEN: "- ready: all", phase: as_step(verb.example)}
    text = "scenario: an example\n" + "".join(
        f"{phase.value}:\n{lines}\n" for phase, lines in steps.items()
    )
    loaded = load(tmp_path / "a.scenario.yaml", text.encode(), REAL, {}, namespace="shop")
    assert [str(problem) for problem in loaded.problems] == []


def test_every_verb_module_is_in_the_table() -> None:
    """A new verb is one new file and one line."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for room in ("actions", "checks", "probes", "backup")
        for path in (ROOT / "resilience" / room).rglob("*.py")
        if "\nVERB = Verb(" in path.read_text(encoding="utf-8")
    }
    assert modules == set(BUILTIN.values())


@pytest.mark.parametrize("place", ["inside", "beside"])
def test_a_key_that_a_verb_can_never_have_is_answered_with_the_reason(
    place: str, tmp_path: Path
) -> None:
    inside, beside = (", agents: 3", "") if place == "inside" else ("", "    agents: 3\n")
    file = tmp_path / "it.scenario.yaml"
    file.write_text(
        "scenario: it\nnamespace: shop\nwhile:\n"
        f"  - command: {{pods: app=db, command: [pg_isready]{inside}}}\n{beside}"
        "    objective: {longest_outage: 5s}\nwhen:\n  - sleep: 1s\n"
    )
    [problem] = load(file, None, REAL, {}).problems
    assert found("command").never["agents"] in str(problem)
    assert "expected no `agents`: " in str(problem)
