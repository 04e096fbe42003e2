"""The description of a verb, from which grammar, schema, docs, permissions and preflight are
derived.

A verb is declared once, in one module under `actions/`, `checks/` or `probes/`, as a module-level
`Verb` value next to a frozen dataclass of its parameters and the function that does the work. The
module imports only light things at its top; heavy imports are inside the function.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from resilience.model.step_reach import Reach
from resilience.model.values import Duration


class Phase(Enum):
    """The phase of a scenario that contains the step; the values are the YAML keys."""

    GIVEN = "given"
    WHILE = "while"
    WHEN = "when"
    THEN = "then"


class Family(Enum):
    """The family of a verb: what it does."""

    ACTION = "action"
    CHECK = "check"
    PROBE = "probe"
    FLOW = "flow"


class Residue(Enum):
    """What remains of an action after its undo."""

    NOTHING = "nothing"
    NAMED = "named"
    EVERYTHING = "everything"  # cannot be undone: the step needs `lasting: true`


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One RBAC permission a step needs. `namespace` "" means cluster-wide, or with `selected` each
    namespace with these labels, which only a cluster knows.

    `name` limits it to one object. An `optional` permission improves a report: a run without it is
    not refused.
    """

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""
    optional: bool = False
    selected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A rule across several parameters was broken. `field` is the YAML key that the message points
    to, "" for the whole step.
    """

    field: str
    message: str
    expected: str = ""


def _no_complaints(parameters: Any) -> Sequence[Complaint]:
    return ()


def _no_files(parameters: Any, directory: Path) -> Sequence[Complaint]:
    return ()


def _fits_anywhere(parameters: Any, others: Sequence[Any], directory: Path) -> Sequence[Complaint]:
    return ()


def _no_bounds(parameters: Any) -> tuple[Duration, Duration] | None:
    return None


def _creates_none(parameters: Any, namespace: str) -> Sequence[str]:
    return ()


def _possible_anywhere(parameters: Any, cluster: Any) -> None:
    return None


def _always_due(parameters: Any, path: str, cluster: Any, namespace: str, random: Any) -> str:
    return ""


def _no_helpers(parameters: Any, namespace: str, cluster: Any) -> Sequence[Any]:
    return ()


def _no_rights(parameters: Any, namespace: str) -> Sequence[Right]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One word of the language.

    `parameters` is a frozen, keyword-only dataclass built with `parameter(...)` fields; the decoder
    and the JSON Schema read its annotations. `shorthand` names the field that a bare scalar fills
    (`- apply: shop.yaml` fills `file`). `check` receives decoded parameters and returns what is
    wrong across fields; `files` does the same with the scenario's folder, for files that they name,
    and `among` with the parameters of all steps of the scenario as well.
    `describe` gives one line in the imperative for dry runs and reports. `bounds` gives the minimum
    and maximum time that the parameters require (`sleep: 30s` takes 30s), None when only `within`
    bounds it. `measures` is False for a probe that has neither rate nor objective because its
    parameters state what must hold. `ask` of a probe is a single request as a check; with it the
    probe is allowed in phases of checks as well, without rate and objective. `run` is called by the
    engine: its signature per family is in `resilience.verbs.context`. `rehearse` is called instead
    by a dry run, on a cluster that accepts writes as dryRun=All only; it ends at the first wait for
    an effect. It may be `run` itself if that only makes requests to the API server; a verb without
    it is only described. `touches` says what the step changes, for consent; without it that is
    derived from `rights`. `creates` names the namespaces that the step creates, which cannot exist
    before: no Role can be there, so that permissions in them have to be cluster-wide. `possible`
    raises Refused when a cluster cannot do it with any permissions; it is called before anything is
    touched, also by a dry run, and only reads. `helpers` returns the helper Pods that it will
    create on this cluster: whether their namespaces admit them is checked before anything is
    touched. `due` says why the step, at this path, has nothing to do today, "" when it has; a
    scenario with such a step is skipped. `repeatable` marks an action that leaves the same state
    when it is executed again, so that several scenarios can share what it set up. `spoils_given`
    marks one after which, although it is undone, the next scenario finds what a shared `given` set
    up changed (a restarted container, a new revision).
    `may_last` allows `lasting: true` on a verb that is normally undone, for those forms of it that
    need it (Residue.EVERYTHING always requires it). `never` has keys of similar verbs that this one
    cannot have, each with the reason. `undo` (actions) is called with the data that
    `run` recorded; data is JSON, never code.
    """

    name: str
    family: Family
    summary: str
    parameters: type[Any]
    phases: frozenset[Phase]
    run: Callable[..., Any]
    describe: Callable[[Any], str]
    rehearse: Callable[..., Any] | None = None
    shorthand: str = ""
    check: Callable[[Any], Sequence[Complaint]] = _no_complaints
    files: Callable[[Any, Path], Sequence[Complaint]] = _no_files
    among: Callable[[Any, Sequence[Any], Path], Sequence[Complaint]] = _fits_anywhere
    bounds: Callable[[Any], tuple[Duration, Duration] | None] = _no_bounds
    measures: bool = True
    ask: Callable[..., str] | None = None
    rights: Callable[[Any, str], Sequence[Right]] = _no_rights
    touches: Callable[[Any, str], Reach] | None = None
    creates: Callable[[Any, str], Sequence[str]] = _creates_none
    possible: Callable[[Any, Any], None] = _possible_anywhere
    helpers: Callable[[Any, str, Any], Sequence[Any]] = _no_helpers
    due: Callable[[Any, str, Any, str, Any], str] = _always_due
    repeatable: bool = False
    spoils_given: bool = False
    may_last: bool = False
    never: Mapping[str, str] = field(default_factory=dict)
    undo: Callable[..., None] | None = None
    undo_text: str = ""
    residue: Residue = Residue.NOTHING
    residue_text: str = ""
    proof: str = ""
    example: str = ""


def parameter(
    doc: str,
    *,
    default: Any = dataclasses.MISSING,
    default_factory: Any = dataclasses.MISSING,
    key: str = "",
    example: str = "",
    at_least: int | None = None,
    at_most: int | None = None,
    one_of: str = "",
) -> Any:
    """A field of a verb's parameters.

    `doc` is shown in editors and in the reference. `key` is the YAML key if it cannot be the
    field's name (`while_` ...). `at_least` and `at_most` bound whole numbers and the length of
    lists. Fields with the same `one_of` group exclude each other.
    """
    metadata: Mapping[str, Any] = {
        "doc": doc,
        "key": key,
        "example": example,
        "at_least": at_least,
        "at_most": at_most,
        "one_of": one_of,
    }
    if default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A declared verb that cannot be loaded; `reason` is one line for people."""

    reason: str


class Catalogue(Protocol):
    """Which verbs exist. `resilience.verbs.catalogue` builds the real one, tests build small
    ones.
    """

    def names(self) -> Sequence[str]:
        """All verb names, sorted."""

    def find(self, name: str) -> Verb | Unusable | None:
        """The verb with that name; None when there is none. May import it."""
