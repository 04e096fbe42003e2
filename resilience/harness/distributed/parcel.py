"""The report of a worker's session, as text for the controller.

JSON, made and read by type with cattrs: received data cannot name a class or a function. The steps
of a scenario are not sent, because verbs are code; the controller has read the same files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from cattrs import Converter
from cattrs.preconf.json import make_converter

from resilience.model.place import Place
from resilience.model.report import RunRecord
from resilience.model.scenario import Scenario
from resilience.model.verdict import Outcome

Key = tuple[str, str, str]
"""What tells scenarios apart: the cluster of a fleet ("" without one), file, id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """`outcomes` are by item; `left` and `put_back` as in `resilience.harness.session.Session`."""

    records: Sequence[RunRecord] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    left: Sequence[str] = ()
    put_back: Sequence[str] = ()
    interrupted: str = ""

    def __bool__(self) -> bool:
        return bool(self.records or self.outcomes or self.left or self.put_back or self.interrupted)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """A scenario without its steps."""

    id: str
    title: str
    tags: tuple[str, ...]
    namespace: str
    seed: int | None
    matrix: Mapping[str, str]
    description: str
    place: Place


def text(parcel: Parcel) -> str:
    """JSON."""
    return json.dumps(_converter().unstructure(parcel, Parcel), default=str)


def parsed(data: str, known: Mapping[Key, Scenario]) -> Parcel:
    """The parcel; `known` are scenarios with their steps. ValueError if it is no parcel."""
    try:
        found = json.loads(data)
        if not isinstance(found, dict):
            raise TypeError(f"{type(found).__name__}, expected a mapping")
        parcel: Parcel = _converter().structure(found, Parcel)
    except (ValueError, TypeError, ExceptionGroup) as error:
        raise ValueError(f"a worker's report cannot be read: {error}") from None
    return replace(parcel, records=[_completed(each, known) for each in parcel.records])


def _completed(record: RunRecord, known: Mapping[Key, Scenario]) -> RunRecord:
    bare = record.scenario
    key = (record.member, bare.place.file, bare.id)
    return replace(record, scenario=known.get(key, bare))


@cache
def _converter() -> Converter:
    converter = make_converter()
    converter.register_unstructure_hook(Scenario, lambda each: _without_steps(each, converter))
    converter.register_structure_hook(Scenario, lambda data, _: _bare(data, converter))
    return converter


def _without_steps(scenario: Scenario, converter: Converter) -> Any:
    names = _Head.__dataclass_fields__
    head = _Head(**{name: getattr(scenario, name) for name in names})
    return converter.unstructure(head)


def _bare(data: Any, converter: Converter) -> Scenario:
    head = converter.structure(data, _Head)
    own = {name: getattr(head, name) for name in _Head.__dataclass_fields__}
    return Scenario(**own, given=(), probes=(), when=(), then=())
