"""Turns annotations into shapes, once per type.

Supported: the scalar types of `scalars`, `Path` (a file next to the scenario), Enum, Literal,
`tuple[X, ...]`, `Mapping[str, X]`, unions and optionals, `Step`, `Objective`, dataclasses of these,
and `Annotated[X, Phase.THEN]` for steps of a phase of their own. Anything else in a verb's
declaration is a TypeError for the verb's author.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from resilience.language.matrix import MatrixShape
from resilience.language.objective import ObjectiveShape
from resilience.language.shape.forms import MatrixForm
from resilience.language.shape.records import Field, Record, metadata
from resilience.language.shape.scalars import SCALARS
from resilience.language.shape.shapes import Choice, File, ListOf, MapOf, OneOf, Shape
from resilience.language.steps import PhaseShape, StepShape
from resilience.model.scenario import Objective, Step
from resilience.model.verb import Phase

_SPECIAL: Mapping[Any, Shape] = {
    **SCALARS,
    Path: File(),
    Step: StepShape(),
    Objective: ObjectiveShape(),
    MatrixForm: MatrixShape(),
}


def record_of(cls: type[Any]) -> Record:
    """The mapping that a dataclass describes."""
    return _record(cls)  # type: ignore[arg-type]  # typeshed: a type is no Hashable


@cache
def _record(cls: type[Any]) -> Record:
    hints = get_type_hints(cls, include_extras=True)
    fields = [_field(item, hints[item.name]) for item in dataclasses.fields(cls)]
    return Record(cls=cls, fields={item.key: item for item in fields})


def _field(item: dataclasses.Field[Any], annotation: Any) -> Field:
    missing = dataclasses.MISSING
    default = item.default_factory() if item.default_factory is not missing else item.default
    low, high = metadata(item, "at_least"), metadata(item, "at_most")
    shape = _sized(shape_of(annotation), low or 0, high)
    return Field(
        name=item.name,
        key=metadata(item, "key") or item.name,
        shape=shape,
        required=default is missing,
        default=None if default is missing else default,
        doc=metadata(item, "doc") or "",
        example=metadata(item, "example") or "",
        at_least=low,
        at_most=high,
        one_of=metadata(item, "one_of") or "",
    )


def _sized(shape: Shape, least: int, most: int | None) -> Shape:
    if isinstance(shape, PhaseShape):
        return dataclasses.replace(shape, inner=_sized(shape.inner, least, most))
    if isinstance(shape, ListOf):
        return dataclasses.replace(shape, least=least, most=most)
    return shape


def shape_of(annotation: Any) -> Shape:
    """The shape of one annotation; TypeError for unsupported annotations."""
    if special := _special(annotation):
        return special
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotated(arguments)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is Literal:
        return Choice(words=[(_word(value), value) for value in arguments])
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return ListOf(item=shape_of(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping) and arguments[0] is str:
        return MapOf(value=shape_of(arguments[1]))
    raise TypeError(f"the language has no shape for {annotation!r}")


def _special(annotation: Any) -> Shape | None:
    if not isinstance(annotation, type) or get_origin(annotation):
        return None
    if annotation in _SPECIAL:
        return _SPECIAL[annotation]
    if issubclass(annotation, Enum):
        return Choice(words=[(_word(member.value), member) for member in annotation])
    return record_of(annotation) if dataclasses.is_dataclass(annotation) else None


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _annotated(arguments: Sequence[Any]) -> Shape:
    phase = next((extra for extra in arguments[1:] if isinstance(extra, Phase)), None)
    inner = shape_of(arguments[0])
    return PhaseShape(inner=inner, phase=phase) if phase else inner


def _union(arguments: Sequence[Any]) -> Shape:
    """Strings accept everything, so they are tried last."""
    kept = [argument for argument in arguments if argument is not type(None)]
    members = [shape_of(argument) for argument in sorted(kept, key=lambda kind: kind is str)]
    if len(kept) == len(arguments) or len(members) > 1:
        return OneOf(members=members, optional=len(kept) < len(arguments))
    return OneOf(members=members, optional=True)
