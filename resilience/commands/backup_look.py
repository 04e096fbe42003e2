"""`resilience backup list`, `show`, `verify` and `diff`: what a store holds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatchcase

from resilience.backup.catalog.by_time import resolved, start_of
from resilience.backup.catalog.catalog import Snapshot, opened, snapshots
from resilience.backup.catalog.damage import note_damage
from resilience.backup.catalog.hidden_snapshots import hidden_snapshots
from resilience.backup.catalog.velero_check import check
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import Verified, record
from resilience.backup.format.backup_clock import SystemClock
from resilience.backup.format.errors import BadRequest, StoreError
from resilience.backup.plans import cli_data, cli_output
from resilience.backup.plans.volume_diff import volume_changes, volumes_not_compared
from resilience.backup.proof.compare import added, between, differing, with_cluster
from resilience.backup.proof.diff import Change
from resilience.commands import CommandError
from resilience.commands.backup_means import cluster_of, existing, keys
from resilience.commands.outputs import answer
from resilience.commands.saying import say, warn

CLOCK = SystemClock()


def show_all(options: argparse.Namespace) -> int:
    """A snapshot that cannot be read gets a row as well, and sets exit code 1."""
    store, form = existing(options.store), options.output
    rows = [cli_output.row(Snapshot(store, each)) for each in snapshots(store)]
    chosen = [each for each in rows if each.damage or _holds(each.namespaces, options.namespace)]
    if form in ("table", "wide"):
        say(cli_output.table(chosen, CLOCK.now(), wide=form == "wide"))
    else:
        answer(form, [cli_data.row(each) for each in chosen], str)
    warn(f"error: {each.damage}" for each in chosen if each.damage)
    warn(f"warning: {each}" for each in hidden_snapshots(store) if each.until)
    return 1 if any(each.damage for each in chosen) else 0


def _holds(held: tuple[str, ...], wanted: list[str]) -> bool:
    return not wanted or any(fnmatchcase(name, each) for name in held for each in wanted)


def show(options: argparse.Namespace) -> int:
    """One snapshot."""
    store = existing(options.store)
    snapshot = opened(store, resolved(store, options.name))
    form = options.output
    answer(
        form,
        cli_data.shown(snapshot) if form != "table" else None,
        lambda: cli_output.shown(snapshot),
    )
    return 0


def show_verified(options: argparse.Namespace) -> int:
    """Verify a snapshot by its checksums. Velero keeps none: its archive is checked against its
    phase and its resource list, and the record keeps the archive's hash for the next time."""
    given = keys(options)
    store = existing(options.store)
    name = resolved(store, options.name)
    snapshot = opened(store, name, given.identities, trusted=given.trusted)
    if snapshot.manifest is None:
        whole = check(snapshot)
        _require(whole, snapshot, options)
        warn(f"warning: {each}" for each in whole.warnings)
        answer(options.output, cli_data.verified(whole), lambda: cli_output.checked(whole))
        return _recorded(snapshot, whole, options, whole.archive)
    found = verify(snapshot)
    _require(found, snapshot, options)
    answer(options.output, cli_data.verified(found), lambda: cli_output.verified(found))
    return _recorded(snapshot, found, options)


def _require(found: Verified, snapshot: Snapshot, options: argparse.Namespace) -> None:
    """`Tampered` if it is damaged, which is recorded where that is possible."""
    if not found.intact and not options.no_record:
        with suppress(StoreError):  # what was found is told in any case
            note_damage(snapshot, CLOCK.now())
    found.require()


def _recorded(
    snapshot: Snapshot, found: Verified, options: argparse.Namespace, archive: str = ""
) -> int:
    """`fresh` uses the record; without permission to write one, the result is still printed."""
    if options.no_record:
        return 0
    try:
        record(snapshot, found, CLOCK.now(), archive=archive)
    except StoreError as problem:
        raise CommandError(
            f"this verification could not be recorded: {problem}; use --no-record to skip it"
        ) from None
    return 0


def show_changes(options: argparse.Namespace) -> int:
    """Exit code 1 when something differs, as kubectl diff."""
    first, second = _compared(options)
    store, given = existing(options.store), keys(options)

    def named(text: str) -> Snapshot:
        name = resolved(store, text)
        if name != text:
            warn(f"{text} is {name}")
        return opened(store, name, given.identities, trusted=given.trusted)

    was = named(first)
    if second:
        now = named(second)
        found, about_volumes = between(was, now), volume_changes(was, now)
    else:
        with cluster_of(options) as cluster:
            found = with_cluster(was, cluster).changes
            if not options.recorded_only:
                found += added(was, cluster, _own_names(was))
        about_volumes = volumes_not_compared(was)
    found = [each for each in found if _concerns(each, options.namespace)]
    differs = bool(found or (second and about_volumes))
    form = options.output
    if form == "table":
        say(map(str, found))
        say(about_volumes, None if second else sys.stderr)
        say(differing(len(found)) if differs else "nothing differs")
    else:
        answer(form, cli_data.changes(found, about_volumes), str)
    return int(differs)


def _compared(options: argparse.Namespace) -> tuple[str, str]:
    """The two sides to compare; "" is the cluster. A day given to `since` is included."""
    if bool(options.was) == bool(options.since):
        raise BadRequest("give either a snapshot or a time with --since")
    if options.now and options.until:
        raise BadRequest("give either a second snapshot or a time with --until")
    first = start_of(options.since) if options.since else options.was
    return first, options.until or options.now or ""


def _concerns(change: Change, wanted: list[str]) -> bool:
    """Whether it is in one of the namespaces, or is one of them."""
    inside = change.namespace or (change.name if change.kind == "namespaces" else "")
    return not wanted or any(fnmatchcase(inside, each) for each in wanted)


def _own_names(snapshot: Snapshot) -> Mapping[str, str]:
    return {name: name for name in snapshot.manifest.namespaces} if snapshot.manifest else {}
