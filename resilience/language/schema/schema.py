"""JSON Schema (draft-07, what editors understand) of scenarios and plans, from the same shapes.

It offers completion and marks structural mistakes while a person types. It is looser than the
decoder where text decides (`${NAME}` may be anything), never stricter. Each phase has its own step,
so that an editor offers only the verbs of that phase.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from resilience.language import objective
from resilience.language.compiled import record_of
from resilience.language.matrix import EXCLUDE, MatrixShape
from resilience.language.objective import ObjectiveShape
from resilience.language.schema.examples import parsed, plain
from resilience.language.shape import keys
from resilience.language.shape.forms import PlanForm, ScenarioForm
from resilience.language.shape.records import Field, Record
from resilience.language.shape.scalars import SCALARS
from resilience.language.shape.shapes import Choice, File, ListOf, MapOf, OneOf, Scalar, Shape
from resilience.language.steps import PhaseShape, StepShape
from resilience.model.values import Duration, Size
from resilience.model.verb import Catalogue, Phase, Residue, Verb

Schema = dict[str, Any]

Kind = Literal["scenario", "plan"]

_REFERENCE: Schema = {"type": "string", "pattern": r"\$\{"}
_TEXT: Schema = {"type": ["string", "number", "boolean"]}


def schema(kind: Kind, catalogue: Catalogue) -> Schema:
    """The schema of one kind of document with these verbs."""
    form = record_of(ScenarioForm if kind == "scenario" else PlanForm)
    writer = _Writer(catalogue=catalogue)
    top = writer.record(form)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"pytest-resilience {kind}",
        "description": f"One document of a *.{kind}.yaml file.",
        **top,
        "definitions": dict(sorted(writer.definitions.items())),
    }


def text(kind: Kind, catalogue: Catalogue) -> str:
    """The schema as stored in a file."""
    return json.dumps(schema(kind, catalogue), indent=2, ensure_ascii=False) + "\n"


@dataclass
class _Writer:
    """Collects definitions on its way; `phase` is that of the steps being written."""

    catalogue: Catalogue
    definitions: dict[str, Schema] = field(default_factory=dict)
    phase: Phase = Phase.WHEN

    def of(self, shape: Shape) -> Schema:
        """The schema of any shape."""
        for kind, write in self._writers().items():
            if isinstance(shape, kind):
                return write(shape)
        raise TypeError(f"no schema for {shape!r}")

    def _writers(self) -> Mapping[type[Any], Callable[[Any], Schema]]:
        return {
            Scalar: _scalar,
            Choice: _choice,
            File: lambda shape: {"type": "string"},
            ListOf: self._list,
            MapOf: lambda shape: {"type": "object", "additionalProperties": self.of(shape.value)},
            OneOf: self._union,
            Record: self.record,
            ObjectiveShape: lambda shape: _objective(),
            MatrixShape: lambda shape: _matrix(),
            PhaseShape: self._phase,
            StepShape: lambda shape: self._step(),
        }

    def record(self, record: Record) -> Schema:
        """A mapping with known keys."""
        return {
            "type": "object",
            "properties": {key: self._field(item) for key, item in record.fields.items()},
            "additionalProperties": False,
            **({"required": list(record.required)} if record.required else {}),
            **_exclusive(record),
        }

    def _field(self, item: Field) -> Schema:
        made = self.of(item.shape)
        if item.at_least is not None or item.at_most is not None:
            made = _bounded(made, item)
        extra: Schema = {"description": item.doc} if item.doc else {}
        if not item.required and (default := plain(item.default)) not in (None, [], {}, ""):
            extra["default"] = default
        if item.example:
            extra["examples"] = [parsed(item.example)]
        return {**extra, "allOf": [made]} if "$ref" in made else {**extra, **made}

    def _list(self, shape: ListOf) -> Schema:
        made: Schema = {"type": "array", "items": self.of(shape.item)}
        if shape.least:
            made["minItems"] = shape.least
        return {**made, "maxItems": shape.most} if shape.most is not None else made

    def _union(self, shape: OneOf) -> Schema:
        members = [self.of(member) for member in shape.members]
        if shape.optional:
            members.append({"type": "null"})
        return {"anyOf": members} if len(members) > 1 else members[0]

    def _phase(self, shape: PhaseShape) -> Schema:
        before, self.phase = self.phase, shape.phase
        try:
            return self.of(shape.inner)
        finally:
            self.phase = before

    def _step(self) -> Schema:
        name = f"step-{self.phase.value}"
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = self._step_definition()
        return {"$ref": f"#/definitions/{name}"}

    def _step_definition(self) -> Schema:
        verbs = self._verbs()
        beside: dict[str, Field] = {}
        for verb in verbs:
            beside |= record_of(keys.kind(verb, self.phase)).fields
        needs = {verb.name: needed for verb in verbs if (needed := _needed(verb, self.phase))}
        return {
            "type": "object",
            "properties": {
                **{verb.name: self._verb(verb) for verb in verbs},
                **{key: self._field(item) for key, item in beside.items()},
            },
            "additionalProperties": False,
            "oneOf": [{"required": [verb.name]} for verb in verbs],
            **({"dependencies": needs} if needs else {}),
        }

    def _verbs(self) -> Sequence[Verb]:
        found = [self.catalogue.find(name) for name in self.catalogue.names()]
        return [verb for verb in found if isinstance(verb, Verb) and self.phase in verb.phases]

    def _verb(self, verb: Verb) -> Schema:
        """The value after the verb's colon."""
        record = record_of(verb.parameters)
        forms = [self.record(record)]
        if verb.shorthand:
            short = next(item for item in record.fields.values() if item.name == verb.shorthand)
            forms.insert(0, self.of(short.shape))
        if not record.required:
            forms.append({"type": "null"})
        doc = {"description": verb.summary}
        return {**doc, "anyOf": forms} if len(forms) > 1 else {**doc, **forms[0]}


def _needed(verb: Verb, phase: Phase) -> list[str] | Schema:
    """Keys that are required next to a verb. A probe that asks once needs no objective."""
    if keys.measures(verb, phase):
        return {"anyOf": [{"required": ["objective"]}, {"required": ["during"]}]}
    return ["lasting"] if verb.residue is Residue.EVERYTHING else []


def _exclusive(record: Record) -> Schema:
    groups: dict[str, list[str]] = {}
    for key, item in record.fields.items():
        if item.one_of:
            groups.setdefault(item.one_of, []).append(key)
    pairs = [
        {"not": {"required": [first, second]}}
        for names in groups.values()
        for index, first in enumerate(names)
        for second in names[index + 1 :]
    ]
    return {"allOf": pairs} if pairs else {}


def _bounded(made: Schema, item: Field) -> Schema:
    """Limits on whole numbers, anywhere in a union."""
    if "anyOf" in made:
        return {**made, "anyOf": [_bounded(member, item) for member in made["anyOf"]]}
    if made.get("type") != "integer":
        return made
    low = {"minimum": item.at_least} if item.at_least is not None else {}
    high = {"maximum": item.at_most} if item.at_most is not None else {}
    return {**made, **low, **high}


def _scalar(shape: Scalar) -> Schema:
    if shape is SCALARS[str]:
        return dict(_TEXT)
    native = {
        SCALARS[int].name: "integer",
        SCALARS[float].name: "number",
        SCALARS[bool].name: "boolean",
    }.get(shape.name)
    written: Schema = {"type": "string", "pattern": rf"^({shape.pattern})$"}
    if native:
        return {"anyOf": [{"type": native}, written, _REFERENCE]}
    if shape in (SCALARS[Duration], SCALARS[Size]):
        number = {"const": 0} if shape is SCALARS[Duration] else {"type": "integer", "minimum": 0}
        return {"anyOf": [written, number, _REFERENCE]}
    return {"type": "string", "pattern": rf"^({shape.pattern})$|\$\{{"}


def _choice(shape: Choice) -> Schema:
    words = [word for word, _ in shape.words]
    return {"anyOf": [{"enum": words}, _REFERENCE]}


def _objective() -> Schema:
    duration = _scalar(SCALARS[Duration])
    return {
        "type": "object",
        "properties": {
            key: {"description": objective.DOCS[key], **_scalar(shape)}
            for key, shape in objective.KEYS.items()
        },
        "patternProperties": {
            f"^{objective.PERCENTILE}$": {
                "description": "Latency that this percentile of the answers must not exceed.",
                **duration,
            }
        },
        "additionalProperties": False,
        "minProperties": 1,
    }


def _matrix() -> Schema:
    return {
        "type": "object",
        "properties": {
            EXCLUDE: {
                "description": "Combinations to leave out.",
                "type": "array",
                "items": {"type": "object", "additionalProperties": _TEXT},
            }
        },
        "additionalProperties": {"type": "array", "items": _TEXT, "minItems": 1},
        "minProperties": 1,
    }
