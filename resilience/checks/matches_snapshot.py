"""`matches_snapshot`: a restored namespace holds what the snapshot recorded, field by field.

The namespace's annotations name the snapshot it came from. What may differ (uids, allocated
addresses, what a drill rewrites) is on closed lists by kind and field; the entries that were used
are part of the answer, and so are objects that the snapshot does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import NAMESPACES
from resilience.model.verb import Family, Phase, Verb, parameter
from resilience.model.verdict import Finding, Result
from resilience.model.words import many
from resilience.verbs.context import CheckContext, NotMet

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """Parameters of `matches_snapshot`."""

    as_: Literal["snapshot"] = parameter(
        "`snapshot`: the snapshot from which the namespace was restored.",
        key="as",
        default="snapshot",
    )


def run(same: Same, context: CheckContext) -> str:
    """One sentence; NotMet names the objects and JSON pointers that differ."""
    from resilience.backup.catalog.catalog import opened
    from resilience.backup.drills.scratch import CUSTOM, OWNER, SNAPSHOT, SOURCE, STORE, WALL
    from resilience.backup.format.errors import BackupError
    from resilience.backup.plans.keys import from_environment
    from resilience.backup.proof.compare import AS_RESTORED, added, differing, with_cluster
    from resilience.backup.proof.drill_terms import drill_terms_of
    from resilience.backup.store import open_store

    try:
        metadata = context.cluster.get(NAMESPACES, context.namespace)["metadata"]
        found = metadata.get("annotations") or {}
        if not {SNAPSHOT, SOURCE, STORE} <= found.keys():
            raise NotMet(
                f"namespace {context.namespace} does not record from which snapshot it was "
                "restored; only what a drill or `restore` restored can be compared",
                final=True,
            )
        keys = from_environment(context.cluster, identity_files=context.identity_files)
        store = open_store(found[STORE])
        snapshot = opened(store, found[SNAPSHOT], keys.identities, trusted=keys.trusted)
        names = {found[SOURCE]: context.namespace}
        drilled = OWNER in (metadata.get("labels") or {})
        custom = tuple(filter(None, found.get(CUSTOM, "").split(",")))
        proof = with_cluster(
            snapshot,
            context.cluster,
            namespaces=names,
            only=frozenset(names),
            terms=drill_terms_of(context.cluster, custom) if drilled else AS_RESTORED,
        )
        more = [] if proof.changes else added(snapshot, context.cluster, names, helpers=(WALL,))
    except (BackupError, ClusterError) as problem:
        raise NotMet(f"{context.namespace} cannot be compared: {problem}", final=True) from problem
    if changes := proof.changes:
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
            promised="the restored objects match the snapshot",
            measured=f"{many(proof.same, 'object')}, field by field",
            detail=tuple(proof.excuses()),
            place=context.step.place,
        )
    )
    return sentence


VERB = Verb(
    name="matches_snapshot",
    family=Family.CHECK,
    summary="Compare a restored namespace with its snapshot, field by field.",
    parameters=Same,
    phases=frozenset({Phase.THEN}),
    run=run,
    describe=lambda same: "the restored objects match the snapshot",
    example="matches_snapshot: {as: snapshot}",
)
