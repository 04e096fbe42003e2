"""`matches_snapshot`: a restored namespace holds what the snapshot recorded, field by field.

The namespace's annotations name the snapshot it came from; with `store` it is the newest one there
of this namespace, whatever took it, and objects that were added count as well: an audit of what has
changed since. What may differ (uids, allocated
addresses, what a drill rewrites) is on closed lists by kind and field; the entries that were used
are part of the answer, and so are objects that the snapshot does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import NAMESPACES
from resilience.model.verb import Family, Phase, Right, Verb, parameter
from resilience.model.verdict import Finding, Result
from resilience.model.words import many
from resilience.verbs.context import CheckContext, NotMet

if TYPE_CHECKING:
    from resilience.backup.catalog.catalog import Snapshot
    from resilience.backup.proof.compare import Terms

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """Parameters of `matches_snapshot`."""

    as_: Literal["snapshot"] = parameter(
        "`snapshot`: the snapshot from which the namespace was restored.",
        key="as",
        default="snapshot",
    )
    store: str = parameter(
        "A store. The namespace must match its newest snapshot there, even if it was not restored "
        "from it. Objects that were added since count as differences.",
        default="",
        example="file:./backups-data",
    )


@dataclass(frozen=True, slots=True)
class _Compared:
    """`terms`: what the comparison may excuse; `held`: the recorded namespace."""

    snapshot: Snapshot
    held: str
    terms: Terms


def run(same: Same, context: CheckContext) -> str:
    """One sentence; NotMet names the objects and JSON pointers that differ."""
    from resilience.backup.drills.wall.egress_wall import WALL
    from resilience.backup.format.errors import BackupError
    from resilience.backup.proof.compare import added, differing, with_cluster

    try:
        against = _newest(same, context) if same.store else _recorded(context)
        snapshot, names = against.snapshot, {against.held: context.namespace}
        proof = with_cluster(
            snapshot,
            context.cluster,
            namespaces=names,
            only=frozenset(names),
            terms=against.terms,
        )
        listed = same.store or not proof.changes
        more = added(snapshot, context.cluster, names, helpers=(WALL,)) if listed else []
    except (BackupError, ClusterError) as problem:
        raise NotMet(f"{context.namespace} cannot be compared: {problem}", final=True) from problem
    if changes := [*proof.changes, *(more if same.store else ())]:
        rest = f"\nand {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        raise NotMet(
            f"{differing(len(changes))} from snapshot {snapshot.name}:\n"
            + "\n".join(map(str, changes[:_SHOWN]))
            + rest
        )
    sentence = (
        f"everything in {context.namespace} matches snapshot {snapshot.name}: "
        f"{many(proof.same, 'object')}"
    )
    if more:
        sentence += f"; not in the snapshot: {', '.join(f'{e.kind} {e.name}' for e in more)}"
    context.add_finding(
        Finding(
            name="matches_snapshot",
            subject=context.namespace,
            result=Result.PASSED,
            promised=f"the {'' if same.store else 'restored '}objects match the snapshot",
            measured=f"{many(proof.same, 'object')}, field by field",
            detail=tuple(proof.excuses()),
            place=context.step.place,
        )
    )
    return sentence


def _recorded(context: CheckContext) -> _Compared:
    """The snapshot that the namespace was restored from, by its annotations."""
    from resilience.backup.catalog.catalog import opened
    from resilience.backup.drills.scratch import CUSTOM, OWNER, SNAPSHOT, SOURCE, STORE, UNGRANTED
    from resilience.backup.plans.keys import from_environment
    from resilience.backup.proof.compare import AS_RESTORED
    from resilience.backup.proof.drill_terms import drill_terms_of
    from resilience.backup.store import open_store

    metadata = context.cluster.get(NAMESPACES, context.namespace)["metadata"]
    found = metadata.get("annotations") or {}
    if not {SNAPSHOT, SOURCE, STORE} <= found.keys():
        raise NotMet(
            f"namespace {context.namespace} does not record from which snapshot it was "
            "restored; only what a drill or `restore` restored can be compared, or name a `store`",
            final=True,
        )
    keys = from_environment(context.cluster, identity_files=context.identity_files)
    store = open_store(found[STORE])
    snapshot = opened(store, found[SNAPSHOT], keys.identities, trusted=keys.trusted)
    drilled = OWNER in (metadata.get("labels") or {})
    custom = tuple(filter(None, found.get(CUSTOM, "").split(",")))
    ungranted = found.get(UNGRANTED, "").split(",")
    terms = drill_terms_of(context.cluster, custom, ungranted) if drilled else AS_RESTORED
    return _Compared(snapshot, found[SOURCE], terms)


def _newest(same: Same, context: CheckContext) -> _Compared:
    """The newest snapshot of this namespace in the store."""
    from resilience.backup.catalog.catalog import newest_of
    from resilience.backup.plans.keys import from_environment
    from resilience.backup.proof.compare import AS_RESTORED
    from resilience.backup.store import open_store

    keys = from_environment(context.cluster, identity_files=context.identity_files)
    store = open_store(same.store, base=context.directory)
    snapshot = newest_of(store, context.namespace, keys.identities, trusted=keys.trusted)
    return _Compared(snapshot, context.namespace, AS_RESTORED)


def _rights(same: Same, namespace: str) -> Sequence[Right]:
    """The permission to read everything. It is needed only with a store, since `restore` and drills
    have it already."""
    verbs = ("get", "list") if same.store else ()
    return [Right(verb=verb, group="*", resource="*", namespace=namespace) for verb in verbs]


def _describe(same: Same) -> str:
    if same.store:
        return f"nothing has changed since the newest snapshot in {same.store}"
    return "the restored objects match the snapshot"


VERB = Verb(
    name="matches_snapshot",
    family=Family.CHECK,
    summary="Compare a restored namespace with its snapshot, field by field.",
    parameters=Same,
    phases=frozenset({Phase.THEN}),
    run=run,
    describe=_describe,
    rights=_rights,
    example="matches_snapshot: {as: snapshot}",
)
