"""`backup create --shard`: save the volumes of a part of the namespaces, for one snapshot."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

from resilience.backup.catalog.unlisted import has_marker
from resilience.backup.format.errors import BadRequest, Busy, Exists
from resilience.backup.format.manifest import Manifest
from resilience.backup.store import Store
from resilience.backup.take.continued import Shard, save_shard
from resilience.backup.take.data_request import Inside, of_part
from resilience.commands.backup_means import cluster_of, keys
from resilience.commands.backup_request import (
    CLOCK,
    acting,
    extending,
    holder,
    requested,
    wanted_scope,
)
from resilience.commands.outputs import answer
from resilience.commands.saying import warn
from resilience.model.scenario import Plan
from resilience.model.words import many

_MOST_SHARDS = 1000
_LOOK = 2.0


def by_one_shard(
    options: argparse.Namespace, store: Store, make: Callable[[str], Manifest]
) -> Manifest | None:
    """Shards that end at the same moment all find the others done. One completes the snapshot; if
    it dies, its lock ends, and the next one does."""
    told = ""
    while True:
        try:
            return make(options.name)
        except Exists as problem:
            if not has_marker(store, options.name):
                raise
            _told_of_shard(options, _shard_of(options), str(problem))
            return None
        except Busy as problem:
            if not told:
                warn(told := f"waiting for another shard: {problem}")
            CLOCK.wait(_LOOK)


def last_of_shards(
    options: argparse.Namespace, plan: Plan | None, store: Store, inside: Inside
) -> bool:
    """Save the volumes of a shard; whether the snapshot is now to be completed here."""
    shard = _shard_of(options)
    if not inside.volumes:
        raise BadRequest(
            "--shard divides the reading of volumes, and this snapshot takes none: add --volumes, "
            "or `volumes:` to the plan, or leave --shard out"
        )
    with cluster_of(options) as reading:
        scope = shard.scope(reading, wanted_scope(options, plan))
        part = of_part(inside, reading, scope.namespaces)
    try:
        with acting(options, scope, part) as cluster:
            asked = requested(options.name, options, plan, keys(options, cluster))
            request = extending(cluster, part)(replace(asked, scope=scope))
            last = save_shard(request, shard, cluster, store, clock=CLOCK, holder=holder())
    except Exists as problem:  # a Pod that is started again after its Job is done
        _told_of_shard(options, shard, str(problem))
        return False
    namespaces = many(len(scope.namespaces), "namespace")
    told = f"{options.name}: {shard} has saved the volumes of {namespaces}"
    if last:
        warn(f"{told}; all shards are done, and this one completes the snapshot")
        return True
    _told_of_shard(options, shard, told)
    return False


def _told_of_shard(options: argparse.Namespace, shard: Shard, text: str) -> None:
    answer(options.output, {"name": options.name, "shard": str(shard), "text": text}, lambda: text)


def _shard_of(options: argparse.Namespace) -> Shard:
    number, _, of = options.shard.partition("/")
    if not (number.isdecimal() and of.isdecimal() and int(number) < int(of) <= _MOST_SHARDS):
        raise BadRequest(
            f"--shard {options.shard}: expected NUMBER/SHARDS with numbers from 0, for example "
            f"0/8 to 7/8, and at most {_MOST_SHARDS} shards"
        )
    if not options.name:
        raise BadRequest("--shard needs --name: all shards save volumes for one snapshot")
    return Shard(int(number), int(of))
