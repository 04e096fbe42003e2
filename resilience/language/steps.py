"""Reading one step: a mapping with exactly one verb, plus the keys that all steps share.

`within`, `name`, `optional` are next to the verb, as are `rate`, `objective`, `during` and
`abort_below` of a probe, and `lasting` of an action that cannot be undone. Most of this module
produces good messages for when they are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from yaml.nodes import MappingNode, Node

from resilience.language import windows
from resilience.language.compose import is_null
from resilience.language.shape import keys, misplaced
from resilience.language.shape.reading import WRONG, Entry, Reading, Wrong, child, what
from resilience.language.shape.records import Field, Record
from resilience.language.shape.shapes import Shape
from resilience.language.text.near import listed, quoted
from resilience.model.scenario import DEFAULT_WITHIN, ONCE, WINDOWS, Step
from resilience.model.verb import Phase, Residue, Unusable, Verb

_NESTING = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseShape:
    """Steps of a phase of their own, such as `drill.then` of a plan."""

    inner: Shape
    phase: Phase

    @property
    def expected(self) -> str:
        return self.inner.expected

    def takes(self, node: Node) -> bool:
        return self.inner.takes(node)

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        return self.inner.read(node, self._scoped(reading, label), label)

    def _scoped(self, reading: Reading, label: str) -> Reading:
        """The same reading (and list of problems) in this phase, at its first path."""
        variables = reading.variables
        if self.phase in reading.namespaces:
            variables = replace(variables, namespace=reading.namespaces[self.phase])
        return replace(reading, variables=variables, phase=self.phase, path=label)


@dataclass(frozen=True, slots=True)
class StepShape:
    """Reads a Step at the reading's phase and path."""

    expected: str = "a step such as `kill: {pods: app=shop, count: 1}`"

    def takes(self, node: Node) -> bool:
        return isinstance(node, MappingNode)

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        if not isinstance(node, MappingNode):
            message = f"a step of {quoted(label)} is {what(node)}"
            return reading.wrong(node, message, self.expected, misplaced.bare_verb(node, reading))
        if reading.depth > _NESTING:
            return reading.wrong(node, f"steps inside steps, more than {_NESTING} deep", "fewer")
        reading.depth += 1
        try:
            return _read(node, reading)
        finally:
            reading.depth -= 1


def _read(node: MappingNode, reading: Reading) -> Step | Wrong:
    entries = reading.entries(node)
    named = {key: entry for key, entry in entries.items() if key not in keys.ALL}
    verbs = {key: found for key in named if (found := reading.catalogue.find(key))}
    if len(verbs) != 1:
        return misplaced.not_one_verb(node, named, list(verbs), reading)
    name, verb = next(iter(verbs.items()))
    if isinstance(verb, Unusable):
        return reading.wrong(
            named[name].key_node,
            f"the verb {quoted(name)} cannot be loaded: {verb.reason}",
            "a working one",
        )
    if name != verb.name:
        entries = _renamed(entries, name, verb.name, reading)
    return _step(node, verb, entries, reading)


def _renamed(
    entries: Mapping[str, Entry], former: str, name: str, reading: Reading
) -> Mapping[str, Entry]:
    """The step under the verb's current name, with a notice."""
    reading.notice(
        entries[former].key_node,
        f"the verb `{former}` is now called `{name}`; the next release does not accept `{former}`",
        f"`{name}`",
    )
    return {name if key == former else key: entry for key, entry in entries.items()}


def _step(
    node: MappingNode, verb: Verb, entries: Mapping[str, Entry], reading: Reading
) -> Step | Wrong:
    phase = reading.phase or Phase.WHEN
    entry = entries[verb.name]
    fits = phase in verb.phases or misplaced.phase(verb, phase, entry, reading)
    strangers = fits and misplaced.strangers(verb, entries, reading)
    parameters: Any = WRONG
    if not (strangers and is_null(entry.node)):
        parameters = _parameters(verb, entry, reading)
    common = _common(node, verb, entries, reading) if fits else WRONG
    if strangers or parameters is WRONG or common is WRONG:
        return WRONG
    return _made(node, verb, phase, parameters, common, reading, entries)


def _parameters(verb: Verb, entry: Entry, reading: Reading) -> Any:
    """The verb's own value: a mapping, or its shorthand."""
    path, reading.path = reading.path, f"{reading.path}.{verb.name}"
    parameters = _value(verb, entry, reading)
    reading.path = path
    return parameters if parameters is WRONG else _checked(verb, parameters, entry, reading)


def _value(verb: Verb, entry: Entry, reading: Reading) -> Any:
    record = reading.record_of(verb.parameters)
    if short := _short(verb, entry, record):
        value = short.shape.read(entry.node, reading, verb.name)
        return WRONG if value is WRONG else verb.parameters(**{short.name: value})
    if is_null(entry.node) and not record.required:
        return verb.parameters()
    if not isinstance(entry.node, MappingNode):
        message = f"`{verb.name}` is {what(entry.node)}"
        return reading.wrong(entry.node, message, _expected(verb, record))
    return _mapping(verb, entry.node, record, reading)


def _short(verb: Verb, entry: Entry, record: Record) -> Field | None:
    """The field that a value without keys fills, if the verb allows that for this value."""
    if not verb.shorthand or is_null(entry.node):
        return None
    short = next(item for item in record.fields.values() if item.name == verb.shorthand)
    takes_steps = isinstance(short.shape, StepShape)
    if isinstance(entry.node, MappingNode) and not takes_steps:
        return None
    others = [key for key in record.required if key != short.key]
    return short if short.shape.takes(entry.node) and not others else None


def _mapping(verb: Verb, node: MappingNode, record: Record, reading: Reading) -> Any:
    values = record.read_entries(
        reading.entries(node), node, reading, verb.name, misplaced.elsewhere(verb)
    )
    return WRONG if any(v is WRONG for v in values.values()) else verb.parameters(**values)


def _checked(verb: Verb, parameters: Any, entry: Entry, reading: Reading) -> Any:
    complaints = verb.check(parameters) or verb.files(parameters, reading.directory)
    for complaint in complaints:
        at = child(entry.node, complaint.field) or entry.node
        reading.wrong(at, complaint.message, complaint.expected)
    return WRONG if complaints else parameters


def _common(node: MappingNode, verb: Verb, entries: Mapping[str, Entry], reading: Reading) -> Any:
    """The keys next to the verb, as a KW dataclass; the verb decides which are allowed."""
    record = reading.record_of(keys.kind(verb, reading.phase))
    allowed = {key: entry for key, entry in entries.items() if key in record.fields}
    meant = record.meant(key for key in entries if key != verb.name)
    values = record.read_entries(allowed, node, reading, verb.name)
    if "objective" in meant or "lasting" in meant:
        return WRONG  # already reported as a misspelt key
    if keys.measures(verb, reading.phase) and (
        found := _asked_once(verb, entries, values, reading)
    ):
        return found
    if (
        keys.measures(verb, reading.phase)
        and "objective" not in entries
        and windows.measured(values.get("during") or ())
    ):
        return reading.wrong(
            entries[verb.name].key_node,
            f"the probe `{verb.name}` has no objective",
            "`objective:` next to it, such as `{availability: 99%}`",
        )
    if (
        keys.measures(verb, reading.phase)
        and values.get("optional") is True
        and windows.measured(values.get("during") or ())
    ):
        return reading.wrong(
            entries["optional"].key_node,
            f"`optional` is next to the probe `{verb.name}`, whose objective is always judged",
            "an objective that has to hold, or remove the probe",
        )
    if verb.residue is Residue.EVERYTHING and not values.get("lasting"):
        return reading.wrong(
            entries[verb.name].key_node,
            f"`{verb.name}` cannot be undone",
            "`lasting: true` next to it, to confirm that this is intended",
        )
    return WRONG if any(v is WRONG for v in values.values()) else record.cls(**values)


def _asked_once(
    verb: Verb, entries: Mapping[str, Entry], values: dict[str, Any], reading: Reading
) -> Wrong | None:
    """The words of `during` as a tuple; records problems of a probe that only sends one request."""
    during = values.get("during", ())
    if during is WRONG:
        return None
    values["during"] = during = (during,) if isinstance(during, str) else during
    if verb.ask is None and set(during) & set(ONCE):
        return reading.wrong(entries["during"].node, f"`{verb.name}` cannot be used as a single "
                                                     "check",
                             listed(map(quoted, WINDOWS)))  # fmt: skip
    if not windows.measured(during):
        for key in ("objective", "rate", "abort_below"):
            if key in entries:
                return reading.wrong(
                    entries[key].key_node,
                    f"`{key}` is next to a probe that asks once (`during: {', '.join(during)}`)",
                    "a window in `during` as well, or remove the key",
                )
    return None


def _made(
    node: MappingNode,
    verb: Verb,
    phase: Phase,
    parameters: Any,
    common: Any,
    reading: Reading,
    entries: Mapping[str, Entry],
) -> Step | Wrong:
    bounds = verb.bounds(parameters)
    given = common.within is not None
    within = common.within if given else DEFAULT_WITHIN
    if bounds and not given:
        within = max(DEFAULT_WITHIN, bounds[1])
    if bounds and within < bounds[0]:
        return reading.wrong(
            entries["within"].node,
            f"`{verb.name}` takes at least {bounds[0]}",
            f"`within` of at least that, not {within}",
        )
    name = common.name or (verb.name if phase is Phase.WHILE else "")
    extra = {key: getattr(common, key) for key in keys.PROBE_ONLY if hasattr(common, key)}
    return Step(
        verb=verb,
        parameters=parameters,
        phase=phase,
        path=reading.path,
        place=reading.place(node),
        name=name,
        within=within,
        within_given=given,
        optional=common.optional,
        lasting=getattr(common, "lasting", False),
        **extra,
    )


def _expected(verb: Verb, record: Record) -> str:
    """Description of the values of a verb."""
    if not verb.shorthand:
        return record.expected
    short = next(item for item in record.fields.values() if item.name == verb.shorthand)
    return f"{short.shape.expected}, or {record.expected}"
