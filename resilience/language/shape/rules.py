"""Rules across the keys of a document: ids, tags, names, and that something is judged at all.

Each takes the values that could be read (`WRONG` for those that could not) and records problems.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from yaml.nodes import Node, ScalarNode, SequenceNode

from resilience.language import ids, plans, promises
from resilience.language.shape.reading import WRONG, Entry, Reading, child
from resilience.language.text.near import quoted
from resilience.model.place import Problem
from resilience.model.scenario import DEFAULT_SETTLE, Plan, Scenario, Step, flattened
from resilience.model.verb import Family

Values = Mapping[str, Any]
Entries = Mapping[str, Entry]
Document = TypeVar("Document", Scenario, Plan)

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def given(values: Values, name: str) -> Any:
    """A value that exists and is right; None otherwise."""
    value = values.get(name)
    return None if value is WRONG else value


def identity(values: Values, entries: Entries, kind: str, reading: Reading) -> str:
    """The id as written, or derived from the title as written (so that it never depends on the
    environment)."""
    if written := given(values, "id"):
        if not re.fullmatch(ids.SLUG, entries["id"].node.value):
            reading.wrong(
                entries["id"].node,
                f"the id {quoted(written)}",
                "a-z, 0-9 and single dashes",
                quoted(ids.slug(written)),
            )
        return str(written)
    if not given(values, kind):
        if kind in values and values[kind] is not WRONG:
            reading.wrong(entries[kind].node, f"`{kind}` is empty", "a description in words")
        return ""
    made = ids.slug(entries[kind].node.value)
    if not made:
        reading.wrong(
            entries[kind].node, "no id can be made of this title", "`id:` with a-z, 0-9 and dashes"
        )
    return made


def unique(documents: list[Document]) -> tuple[list[Document], list[Problem]]:
    """Documents with unique ids; a problem for each id that is taken."""
    first: dict[str, Document] = {}
    problems = []
    for document in documents:
        if document.id in first:
            problems.append(_taken(document, first[document.id]))
        else:
            first[document.id] = document
    return list(first.values()), problems


def _taken(document: Document, first: Document) -> Problem:
    """Combinations of one matrix have the same place, and another `id:` would not tell them
    apart."""
    if document.place == first.place:
        return Problem(
            document.place,
            f"two values of the matrix make the same id {quoted(document.id)}",
            "values that differ in a-z, A-Z, 0-9 or ._%+-",
        )
    return Problem(
        document.place,
        f"the id {quoted(document.id)} is taken by line {first.place.line}",
        "a different `id:`",
    )


def tags(values: Values, entries: Entries, reading: Reading) -> None:
    """Check tags: they become marks, so they must not have a meaning for other plugins."""
    for node, tag in _items("tags", values, entries):
        if owner := ids.RESERVED.get(tag):
            reading.wrong(node, f"the tag {quoted(tag)} means something to {owner}", "another word")
        elif not re.fullmatch(ids.TAG, tag):
            reading.wrong(
                node,
                f"the tag {quoted(tag)}",
                "a word of letters, digits, `_`, `-`, `.`",
                quoted(re.sub(r"[^A-Za-z0-9_.]+", "-", tag).strip("-.")),
            )


def namespace(values: Values, entries: Entries, reading: Reading) -> None:
    """A namespace must be a name that Kubernetes accepts."""
    name = given(values, "namespace")
    if name is not None and "namespace" in entries and not _NAMESPACE.fullmatch(name):
        reading.wrong(
            entries["namespace"].node,
            f"`namespace` is {quoted(name)}",
            "a name such as `shop`: a-z, 0-9 and dashes, at most 63",
        )


def fixtures(values: Values, entries: Entries, reading: Reading) -> None:
    """Names of fixtures are those of Python functions, each once."""
    names: Sequence[str] = given(values, "fixtures") or ()
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            reading.wrong(entries["fixtures"].node, f"{quoted(name)} cannot be a fixture",
                          "the name of a pytest fixture, such as `tenant_url`")  # fmt: skip
    for name in sorted({name for name in names if names.count(name) > 1}):
        reading.wrong(entries["fixtures"].node, f"{quoted(name)} is there twice", "it once")


def scenario(values: Values, entries: Entries, root: Node, reading: Reading) -> None:
    """Check what a scenario as a whole must have."""
    for key in ("given", "while", "then"):
        if key in entries and _no_items(entries[key].node):
            reading.wrong(entries[key].node, f"`{key}` has no steps", "steps, or remove the key")
    sharing(values, entries, reading)
    probes: Sequence[Step] = given(values, "while_") or ()
    if "while" not in entries and "then" not in entries:
        reading.wrong(
            root,
            "nothing would be judged: there is neither `while:` nor `then:`",
            "a probe with an objective under `while:`, or a check under `then:`",
        )
    then: Sequence[Step] = given(values, "then") or ()
    if "while" not in entries and then and all(step.optional for step in then):
        _judged_under_when(values, entries["then"].node, reading)
    _named_apart(probes, entries, reading)
    when: Sequence[Step] | None = given(values, "when")
    settle: Any = values.get("settle", DEFAULT_SETTLE)
    if when and settle is not WRONG:
        for probe in probes:
            node = _node(entries, "while", probes, probe)
            promises.check(probe, node, when, settle, reading, given(values, "baseline"))


def among(scenario: Scenario, reading: Reading) -> None:
    """Check each step beside the others, as its verb does."""
    steps = [*flattened((*scenario.given, *scenario.probes, *scenario.when, *scenario.then))]
    others = [step.parameters for step in steps]
    for step in steps:
        for complaint in step.verb.among(step.parameters, others, reading.directory):
            problem = Problem(step.place, complaint.message, complaint.expected)
            reading.problems.append(problem)


def sharing(values: Values, entries: Entries, reading: Reading) -> None:
    """What is shared must be an action whose effect is checked again for each scenario."""
    if not given(values, "share") or values.get("given") is WRONG:
        return
    steps: Sequence[Step] = given(values, "given") or ()
    actions = [step for step in steps if step.verb.family in (Family.ACTION, Family.FLOW)]
    if not actions:
        reading.wrong(
            entries["share"].node,
            "`share: given` shares nothing: `given` has no action",
            "an `apply` under `given:`, or remove the key",
        )
    for step in actions:
        if not step.verb.repeatable:
            reading.wrong(
                _node(entries, "given", steps, step),
                f"`{step.verb.name}` under a shared `given`: the next scenario could not check "
                "whether its effect still holds",
                "`apply`, `snapshot` and checks only, or remove `share:`",
            )


_ANSWERING = ("run_job",)
"""Actions whose result is an answer of the service."""


def _judged_under_when(values: Values, node: Node, reading: Reading) -> None:
    """Check that a step of `when` can fail the scenario where no step of `then` can; a flow verb
    may contain such a step."""
    when: Sequence[Step] = given(values, "when") or ()
    binding = [step.verb for step in when if not step.optional and step.verb.name != "sleep"]
    if when and all(
        verb.family is Family.ACTION and verb.name not in _ANSWERING for verb in binding
    ):
        reading.wrong(
            node,
            "nothing would be judged: every step of `then:` is `optional`",
            "a check that has to hold, or a probe with an objective under `while:`",
        )


def _no_items(node: Node) -> bool:
    return isinstance(node, SequenceNode) and not node.value


def _node(entries: Entries, key: str, steps: Sequence[Step], step: Step) -> Node:
    node: Node = entries[key].node.value[steps.index(step)]
    return node


def _named_apart(probes: Sequence[Step], entries: Entries, reading: Reading) -> None:
    """Objectives are reported by the probe's name."""
    seen: set[str] = set()
    for probe in probes:
        if probe.name in seen:
            reading.wrong(
                _node(entries, "while", probes, probe),
                f"two probes are called {quoted(probe.name)}",
                "a different `name:` for each probe",
            )
        seen.add(probe.name)


def unasked(matrix: Entry, keys: Mapping[str, str], asked: set[str], reading: Reading) -> None:
    """A list of the matrix that no step uses would run the same test several times."""
    for key in keys:
        if key not in asked and not reading.problems:
            written = f"`${{matrix.{key}}}`"
            at = child(matrix.node, key) or matrix.node
            reading.wrong(at, f"nothing uses {written}", "it in a step, or remove the list")


def plan(values: Values, entries: Entries, reading: Reading) -> None:
    """Check what a plan as a whole must have."""
    if "given" in entries and _no_items(entries["given"].node):
        reading.wrong(entries["given"].node, "`given` has no steps", "steps, or remove the key")
    sharing(values, entries, reading)
    for node, name in _items("namespaces", values, entries):
        plans.namespace(node, name, reading)
    for name, rule in plans.RULES.items():
        value = given(values, name)
        if value is not None and name in entries:
            rule(entries[name].node, value, reading)
    _drill_apart(values, entries, reading)


def _drill_apart(values: Values, entries: Entries, reading: Reading) -> None:
    drill, taken = given(values, "drill"), given(values, "namespaces")
    if drill and taken and not reading.problems:
        left = given(values, "exclude")
        names = left.namespaces if left else ()
        plans.apart(entries["drill"].node, drill.into, taken, names, reading)
        plans.asks_the_copy(entries["drill"].node, drill, taken, reading)


def only_namespace(entries: Entries) -> str | None:
    """The plan's namespace if it names exactly one."""
    node = entries["namespaces"].node if "namespaces" in entries else None
    if not isinstance(node, SequenceNode) or len(node.value) != 1:
        return None
    name = node.value[0].value
    return name if isinstance(name, str) and _NAMESPACE.fullmatch(name) else None


def scratch(entries: Entries) -> str:
    """The drill's namespace as written."""
    into = child(entries["drill"].node, "into") if "drill" in entries else None
    return into.value if isinstance(into, ScalarNode) else "${namespace}-drill"


def _items(name: str, values: Values, entries: Entries) -> Sequence[tuple[Node, str]]:
    """The items of a list as written, with their nodes."""
    found = given(values, name)
    if name not in entries or not found:
        return ()
    return list(zip(entries[name].node.value, found, strict=True))
