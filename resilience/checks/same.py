"""`same`: what lives in a restored namespace is what the snapshot recorded, field by field.

The namespace says itself which snapshot it came from (annotations that a drill writes). What the
cluster gives anew (uids, addresses, bindings) is normalised on both sides by named rules; what a
drill rewrites to make the copy harmless is ignored, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import NAMESPACES
from resilience.context import CheckContext, NotMet
from resilience.model.verb import Family, Phase, Verb, parameter

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """Parameters of `same`."""

    as_: Literal["snapshot"] = parameter(
        "`snapshot`: the one that the namespace was restored from.", key="as", default="snapshot"
    )


def run(same: Same, context: CheckContext) -> str:
    """One sentence; NotMet names the objects and JSON pointers that differ."""
    from resilience.backup.catalog import opened
    from resilience.backup.compare import differing, with_cluster
    from resilience.backup.errors import BackupError
    from resilience.backup.mapping import Targets
    from resilience.backup.restore import unadjusted
    from resilience.backup.safety import harmless
    from resilience.backup.scratch import OWNER, SNAPSHOT, SOURCE, STORE
    from resilience.backup.store import open_store

    try:
        metadata = context.cluster.get(NAMESPACES, context.namespace)["metadata"]
        found = metadata.get("annotations") or {}
        if not {SNAPSHOT, SOURCE, STORE} <= found.keys():
            raise NotMet(
                f"namespace {context.namespace} does not say which snapshot it was "
                "restored from; only what a drill or `restore` brought back can be compared",
                final=True,
            )
        snapshot = opened(open_store(found[STORE]), found[SNAPSHOT])
        targets = Targets(namespaces={found[SOURCE]: context.namespace})
        changes = with_cluster(
            snapshot,
            context.cluster,
            targets=targets,
            rewrites=harmless if OWNER in (metadata.get("labels") or {}) else unadjusted,
            namespaces=frozenset({found[SOURCE]}),
        )
    except (BackupError, ClusterError) as problem:
        raise NotMet(f"{context.namespace} cannot be compared: {problem}", final=True) from problem
    if changes:
        more = f"\nand {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        raise NotMet(
            f"{differing(len(changes))} from snapshot {snapshot.name}:\n"
            + "\n".join(map(str, changes[:_SHOWN]))
            + more
        )
    return f"everything in {context.namespace} is as snapshot {snapshot.name} recorded it"


VERB = Verb(
    name="same",
    family=Family.CHECK,
    summary="Compare a restored namespace with its snapshot, field by field.",
    parameters=Same,
    phases=frozenset({Phase.THEN}),
    run=run,
    describe=lambda same: "what came back is what was there",
    example="same: {as: snapshot}",
)
