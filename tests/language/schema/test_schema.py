"""The JSON Schema says what the decoder says, as far as structure goes, and is shipped as it is."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from resilience.language import load
from resilience.language.schema.schema import Kind, schema
from resilience.reference.verbs_reference import pages, schemas
from tests.language.real import MERGED, REAL
from tests.language.test_properties import ENVIRONMENT, mutated
from tests.language.test_wanted import WANTED
from tests.language.toys import TOYS

ROOT = Path(__file__).parents[3]
MISTAKES = Path(__file__).parents[1] / "mistakes"
HOMES = {
    "scenario.schema.json": "scenarios",
    "plan.schema.json": "backups",
    "scenario.md": "docs/reference",
    "plan.md": "docs/reference",
    "verbs.md": "docs/reference",
}

STRUCTURAL = [
    "wrong-key",
    "wrong-verb",
    "wrong-unit",
    "wrong-number",
    "too-small",
    "exclusive",
    "verb-in-wrong-phase",
    "two-verbs",
    "list-for-mapping",
    "mapping-for-list",
    "text-for-step",
    "key-beside-verb",
    "step-key-inside-verb",
    "no-steps",
    "probe-key-beside-action",
    "empty-value",
    "no-objective",
    "empty-objective",
    "no-when",
    "empty-when",
    "lasting",
    "not-a-mapping",
    "neither",
    "foreign-key",
    "foreign-verb",
    "percentile-name",
    "selector-mapping",
    "wrong-choice",
    "selector-commas",
    "matrix-shapes",
    "plain-text",
    "wrong-reference",
]
"""Mistakes that an editor can mark while they are typed."""


def validator(kind: Kind, catalogue: Any) -> jsonschema.Draft7Validator:
    made = schema(kind, catalogue)
    jsonschema.Draft7Validator.check_schema(made)
    return jsonschema.Draft7Validator(made)


def as_an_editor_reads(text: str) -> list[Any]:
    """Documents as JSON. Numbers and dates by an explicit tag (`!!int x`) may be neither: no
    editor gets that far."""
    try:
        documents = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    except ValueError:
        return []
    return [json.loads(json.dumps(one, default=str)) for one in documents if one is not None]


def data(path: Path) -> list[Any]:
    """The documents as an editor sees them, whose keys are all text."""
    documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return [json.loads(json.dumps(document)) for document in documents]


@pytest.fixture(scope="module")
def scenarios() -> jsonschema.Draft7Validator:
    return validator("scenario", TOYS)


@pytest.fixture(scope="module")
def plans() -> jsonschema.Draft7Validator:
    return validator("plan", TOYS)


@pytest.mark.parametrize("path", sorted(WANTED.glob("*.yaml")), ids=lambda path: path.name)
@pytest.mark.parametrize("catalogue", [TOYS, MERGED], ids=["toys", "real"])
def test_a_wanted_document_is_valid(path: Path, catalogue: Any) -> None:
    kind: Kind = "plan" if ".plan." in path.name else "scenario"
    for document in data(path):
        errors = [error.message for error in validator(kind, catalogue).iter_errors(document)]
        assert errors == []


@pytest.mark.parametrize("name", STRUCTURAL)
def test_a_structural_mistake_is_marked(name: str, scenarios: jsonschema.Draft7Validator) -> None:
    documents = data(MISTAKES / f"{name}.scenario.yaml")
    assert any(not scenarios.is_valid(document) for document in documents)


@pytest.mark.parametrize("name", ["plan-values", "plan-schedule", "plan-lacks"])
def test_a_mistake_in_a_plan_is_marked(name: str, plans: jsonschema.Draft7Validator) -> None:
    documents = data(MISTAKES / f"{name}.plan.yaml")
    assert any(not plans.is_valid(document) for document in documents)


def test_a_phase_offers_the_verbs_that_may_stand_there() -> None:
    definitions = schema("scenario", TOYS)["definitions"]
    assert "http" in definitions["step-while"]["properties"]
    assert "kill" not in definitions["step-while"]["properties"]
    assert {"kill", "within"} <= set(definitions["step-when"]["properties"])


def test_every_property_of_the_top_level_is_described() -> None:
    for kind in ("scenario", "plan"):
        for name, described in schema(kind, TOYS)["properties"].items():
            assert described["description"], name


@pytest.mark.parametrize("name", sorted(HOMES))
def test_what_is_shipped_is_what_the_code_says(name: str) -> None:
    """When this fails: `make docs`, then look at the difference."""
    made = {**pages(REAL), **schemas(REAL)}[name]
    assert (ROOT / HOMES[name] / name).read_text(encoding="utf-8") == made


@pytest.mark.parametrize("path", sorted(WANTED.glob("*.yaml")), ids=lambda path: path.name)
def test_the_schema_is_never_stricter_than_the_decoder(path: Path) -> None:
    """Injured documents that still load must be valid in an editor too."""
    chance = random.Random(path.name)
    valid = validator("plan" if ".plan." in path.name else "scenario", TOYS)
    original = path.read_text(encoding="utf-8")
    loaded = 0
    for _ in range(120):
        text = mutated(original, chance)
        if load(path, text.encode(errors="replace"), TOYS, ENVIRONMENT).problems:
            continue
        loaded += 1
        for document in as_an_editor_reads(text):
            assert [error.message for error in valid.iter_errors(document)] == [], text
    assert loaded
