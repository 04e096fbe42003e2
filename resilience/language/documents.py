"""Turns the nodes of a file into scenarios and plans.

A scenario with a matrix is read once for each combination, with that combination's values; problems
common to all of them are reported once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from resilience.language import ids, windows
from resilience.language.compiled import record_of
from resilience.language.matrix import Combination, combinations
from resilience.language.shape import rules, spelling
from resilience.language.shape.forms import PlanForm, ScenarioForm
from resilience.language.shape.reading import WRONG, Entry, Reading, what
from resilience.language.text.near import nearest
from resilience.language.text.substitute import Unknown, Variables
from resilience.model.inside import Volumes
from resilience.model.masks import MASKS
from resilience.model.place import Place, Problem
from resilience.model.scenario import Exclude, Keep, Plan, PlanObjective, Scenario
from resilience.model.verb import Catalogue, Phase

_FORMS: Mapping[str, type[Any]] = {"scenario": ScenarioForm, "plan": PlanForm}
_KINDS = tuple(_FORMS)

Document = TypeVar("Document", Scenario, Plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReading:
    """The inputs for reading the documents of a file. `listed` collects the fixtures that its
    scenarios name; `fixtures` has their values."""

    path: Path
    catalogue: Catalogue
    environment: Mapping[str, str]
    namespace: str
    fixtures: Mapping[str, str] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)

    def reading(self, variables: Variables | None = None) -> Reading:
        """A fresh pass."""
        return Reading(
            file=str(self.path),
            directory=self.path.parent,
            catalogue=self.catalogue,
            variables=variables or Variables(environment=self.environment),
            record_of=record_of,
        )


@dataclass(slots=True, kw_only=True)
class Read:
    """The documents of one file. Notices report deprecated words."""

    scenarios: list[Scenario] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)


def read(roots: Sequence[Node], file: FileReading) -> Read:
    """Everything in the file; ids are unique within it."""
    found = Read()
    for root in roots:
        reading = file.reading()
        entries, kind = _kind(root, reading)
        if kind:
            entries = spelling.mended(entries, record_of(_FORMS[kind]), reading, kind)
        if kind == "scenario":
            found.scenarios += _scenarios(root, entries, file, reading)
        elif kind == "plan":
            found.plans += _plan(root, entries, file, reading)
        found.problems += reading.problems
        found.notices += reading.notices
    found.scenarios, again = rules.unique(found.scenarios)
    found.plans, too = rules.unique(found.plans)
    found.problems += [*again, *too]
    return found


def _kind(root: Node, reading: Reading) -> tuple[Mapping[str, Entry], str]:
    """Whether a document is a scenario or a plan; "" when it is neither."""
    if not isinstance(root, MappingNode):
        reading.wrong(
            root,
            f"the document is {what(root)}",
            "a mapping that begins with `scenario:` or `plan:`",
        )
        return {}, ""
    entries = reading.entries(root)
    kinds = [kind for kind in _KINDS if kind in entries]
    if len(kinds) == 2:
        reading.wrong(
            entries["plan"].key_node,
            "both `scenario` and `plan` in one document",
            "one of them, or `---` between two documents",
        )
    elif not kinds:
        close = [(nearest(key, _KINDS), entry.key_node) for key, entry in entries.items()]
        meant, at = next((pair for pair in close if pair[0]), ("", root))
        reading.wrong(
            at,
            "neither `scenario:` nor `plan:`",
            "`scenario: TITLE` or `plan: NAME` in each document",
            meant,
        )
    return entries, kinds[0] if len(kinds) == 1 else ""


def _scenarios(
    root: Node, entries: Mapping[str, Entry], file: FileReading, reading: Reading
) -> list[Scenario]:
    matrix = entries.get("matrix")
    every = combinations(matrix.node, reading) if matrix else [{}]
    if every is WRONG:
        every = []
    asked: set[str] = set()
    made: list[Scenario | None] = []
    for combination in every:
        one = file.reading(_variables(entries, file, combination, asked))
        made.append(_scenario(root, entries, combination, one))
        reading.problems += one.problems
        reading.notices += one.notices
    if matrix and every:
        rules.unasked(matrix, every[0], asked, reading)
    return [] if reading.problems else [scenario for scenario in made if scenario]


def _variables(
    entries: Mapping[str, Entry], file: FileReading, combination: Combination, asked: set[str]
) -> Variables:
    outer = Variables(
        environment=file.environment, matrix=combination, used=asked,
        fixtures=_fixtures(entries, file),
    )  # fmt: skip
    entry = entries.get("namespace")
    namespace = file.namespace or None
    if entry:
        namespace = "namespace"  # the value itself is wrong; that is reported when it is read
    if entry and isinstance(entry.node, ScalarNode) and entry.node.value:
        with suppress(Unknown):
            namespace = outer.fill(entry.node.value)
    return replace(outer, namespace=namespace)


def _fixtures(entries: Mapping[str, Entry], file: FileReading) -> Mapping[str, str]:
    """The values of the fixtures that a scenario lists; its list is checked when it is read."""
    entry = entries.get("fixtures")
    nodes = entry.node.value if entry and isinstance(entry.node, SequenceNode) else ()
    names = [str(node.value) for node in nodes if isinstance(node, ScalarNode)]
    file.listed.update(names)
    return {name: file.fixtures.get(name, name) for name in names}


def _scenario(
    root: Node, entries: Mapping[str, Entry], combination: Combination, reading: Reading
) -> Scenario | None:
    values = record_of(ScenarioForm).read_entries(entries, root, reading, "scenario")
    title = values.get("scenario", "")
    identity = rules.identity(values, entries, "scenario", reading)
    rules.tags(values, entries, reading)
    rules.namespace(values, entries, reading)
    rules.fixtures(values, entries, reading)
    rules.scenario(values, entries, root, reading)
    if reading.problems:
        return None
    form = ScenarioForm(**values)
    _publish(form.namespace, *form.tags)
    apart = windows.apart(form.while_)
    made = Scenario(
        id=identity + ids.suffix(combination),
        title=title,
        tags=form.tags,
        namespace=form.namespace,
        seed=form.seed,
        given=(*form.given, *apart.before),
        probes=apart.probes,
        when=form.when,
        then=(*apart.after, *form.then),
        settle=form.settle,
        baseline=windows.baseline(apart.probes, form.baseline),
        matrix=combination,
        fixtures=form.fixtures,
        shares_given=form.share is not None,
        description=form.description,
        place=reading.place(root),
    )
    rules.among(made, reading)
    return None if reading.problems else made


def _publish(*names: str) -> None:
    """Names that a message needs."""
    for name in names:
        MASKS.publish(name)


def _plan(
    root: Node, entries: Mapping[str, Entry], file: FileReading, reading: Reading
) -> list[Plan]:
    """In a plan `${namespace}` is its one namespace, under `drill.then` the scratch namespace.
    With several namespaces it is each of them in turn: only `drill.into` can express that."""
    only = rules.only_namespace(entries)
    into = rules.scratch(entries).replace("${namespace}", only) if only else None
    reading.variables = Variables(environment=file.environment, namespace=only or "${namespace}")
    reading.namespaces = {Phase.GIVEN: only, Phase.THEN: into}
    values: dict[str, Any] = record_of(PlanForm).read_entries(entries, root, reading, "plan")
    identity = rules.identity(values, entries, "plan", reading)
    rules.tags(values, entries, reading)
    rules.plan(values, entries, reading)
    if reading.problems:
        return []
    form = PlanForm(**values)
    _publish(form.store, *form.namespaces, *form.tags, form.drill.into if form.drill else "")
    return [_planned(form, identity, reading.place(root))]


def _planned(form: PlanForm, identity: str, place: Place) -> Plan:
    return Plan(
        id=identity,
        title=form.plan,
        tags=form.tags,
        namespaces=form.namespaces,
        given=form.given,
        shares_given=form.share is not None,
        store=form.store,
        schedule=form.schedule,
        timezone=form.timezone,
        keep=form.keep or Keep(),
        objective=form.objective or PlanObjective(),
        drill=form.drill,
        kinds=form.kinds,
        labels=form.labels,
        exclude=form.exclude or Exclude(),
        cluster=form.cluster,
        accept=form.accept,
        grace=form.grace,
        recipients=form.recipients,
        volumes=Volumes() if form.volumes is True else form.volumes or None,
        without_volumes=form.volumes is False,
        source_cluster=form.source_cluster,
        engine=form.engine,
        hooks=form.hooks,
        dumps=form.dumps,
        sentinel=form.sentinel,
        helper_image=form.helper_image,
        description=form.description,
        place=place,
    )
