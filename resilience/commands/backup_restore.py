"""`resilience restore`: restores a snapshot into namespaces that consent covers.

The snapshot is verified before anything is created, volumes are filled before anything mounts them,
and dumps are loaded when the restored Pods are ready. With `--wait` it ends when the restored
workloads are. Exit code 1 names what was not restored, or is not ready in time.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

from resilience.backup.catalog.by_time import resolved, start_of
from resilience.backup.catalog.catalog import Snapshot, opened
from resilience.backup.catalog.velero_check import require_intact
from resilience.backup.data.local_layer import LocalLayer
from resilience.backup.data.volume_decisions import BY_EXISTING
from resilience.backup.format.backup_clock import SystemClock
from resilience.backup.format.errors import BackupError, BadRequest, RestoreRefused
from resilience.backup.format.layout import stamped_name
from resilience.backup.modify.modifier_file import rules
from resilience.backup.modify.modifiers import Modification, Modifiers
from resilience.backup.modify.shorthands import Registry, Replicas
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.selection import Pattern, Selection, unmatched
from resilience.backup.plans import cli_data, cli_output
from resilience.backup.plans.lifecycle import Keys
from resilience.backup.restore.outcome import RestoreReport
from resilience.backup.restore.places import places
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.restore.resumable import require_resumable
from resilience.backup.restore.waiting import wait_ready
from resilience.cluster.errors import ClusterError
from resilience.commands.admission import admitted
from resilience.commands.backup_means import cluster_of, existing, keys
from resilience.commands.outputs import answer
from resilience.commands.saying import warn
from resilience.kube.selectors import Selector
from resilience.model.step_reach import ANY, Reach
from resilience.model.values import Duration
from resilience.model.without_effect import without_effect
from resilience.model.words import many

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster

CLOCK = SystemClock()
PATIENCE = "5m"


def bring_back(options: argparse.Namespace) -> int:
    """The command."""
    given, modify, within = keys(options), _modifiers(options), _patience(options)
    snapshot = _opened(options, given)
    namespaces = new_namespaces(snapshot.name, snapshot.contents.namespaces, options.into)
    targets = Targets(
        namespaces=namespaces,
        storage_classes=pairs("--map-storage-class", options.map_storage_class),
    )
    begun = Event()
    request = RestoreRequest(
        name=options.resume or stamped_name(snapshot.name[:200], CLOCK.now()),
        selection=_selection(options),
        targets=targets,
        existing=options.existing,
        workers=options.workers,
        dry_run=options.dry_run,
        ask_first=not options.resume,
        allocations=options.allocations,
        status=tuple(options.status),
        without_volume_data=options.without_volume_data,
        on_begin=begun.set,
    )
    request = replace(request, modify=modify)
    reach = _reach(
        request, snapshot
    )  # called early, so that a mistake is reported without a cluster
    with (
        cluster_of(options) as opened_cluster,
        admitted(opened_cluster, reach, "resilience restore", dry_run=options.dry_run) as cluster,
    ):
        request = _filling(request, options, snapshot, cluster)
        if options.resume:
            require_resumable(options.resume, snapshot, places(request, snapshot), cluster)
        with _named(request, begun):
            report = restore(request, snapshot, cluster, clock=CLOCK)
            loaded = _loaded(report, request, snapshot, cluster)
        waited = wait_ready(report, cluster, clock=CLOCK, within=within) if within else None
    lines = [cli_output.restored(report), *report.volumes, *cli_output.not_brought_back(report)]
    lines += [*loaded, *cli_output.waited(waited)]
    answer(options.output, cli_data.restored(report, loaded, waited), lambda: lines)
    warn(f"warning: {each}" for each in (*report.hooks, *report.notes, *modify.idle()))
    warn(f"warning: {each}" for each in _idle(request, snapshot))
    warn([str(item) for item in report.bad])
    warn(waited.missing if waited else ())
    return 0 if report.complete and not (waited and waited.missing) else 1


def _idle(request: RestoreRequest, snapshot: Snapshot) -> list[str]:
    """Options without an effect."""
    held = (
        (at.resource, line.kind, at.namespace, at.name)
        for line in snapshot.contents
        for at in (line.address,)
    )
    return [*unmatched(request.selection, request.status, held), *request.targets.idle()]


def _patience(options: argparse.Namespace) -> float:
    """Seconds to wait for what is restored, 0 for not at all."""
    if not options.wait:
        if options.timeout:
            raise BadRequest("--timeout is how long --wait waits: give both, or neither")
        return 0.0
    if options.dry_run:
        raise BadRequest("--wait waits for what is restored, and a dry run restores nothing")
    text = options.timeout or PATIENCE
    try:
        return max(Duration.parse(text).seconds, 0.001)
    except ValueError as error:
        raise BadRequest(f"--timeout {text!r}: expected {error}") from None


def _modifiers(options: argparse.Namespace) -> Modifiers:
    """The modifications in the order of the help; later ones see the result of earlier ones."""
    changes: list[Modification] = list(map(Registry.parse, options.set_image_registry))
    if options.replicas is not None:
        changes.append(Replicas(options.replicas))
    changes += [rule for path in options.modifiers for rule in rules(path)]
    return Modifiers(changes)


def _selection(options: argparse.Namespace) -> Selection:
    try:
        labels = Selector.parse(options.labels) if options.labels else None
    except ValueError as problem:
        raise BadRequest(f"--labels {options.labels!r}: {problem}") from None
    return Selection(
        namespaces=tuple(options.namespace),
        include=tuple(map(Pattern.parse, options.include)),
        exclude=tuple(map(Pattern.parse, options.exclude)),
        labels=labels,
        cluster_scoped=not options.without_cluster_scoped,
    )


def _opened(options: argparse.Namespace, given: Keys) -> Snapshot:
    """Verified, unless an option says otherwise; warnings go to stderr."""
    if options.unverified and given.trusted:
        raise BadRequest(
            "--unverified reads a snapshot without its signature, and a trusted key requires one; "
            "omit one of them (RESILIENCE_TRUSTED_KEY counts as well)"
        )
    if bool(options.name) == bool(options.before):
        raise BadRequest("name either a snapshot or a time with --before")
    text = start_of(options.before) if options.before else options.name
    store = existing(options.store)
    name = resolved(store, text)
    if name != text:
        warn(f"{text} is {name}")
    snapshot = opened(
        store,
        name,
        given.identities,
        trusted=given.trusted,
        unverified=options.unverified,
    )
    if not options.unverified:
        warn(f"warning: {each}" for each in require_intact(snapshot))
    return snapshot


@contextmanager
def _named(request: RestoreRequest, begun: Event) -> Iterator[None]:
    """An error in the middle of a restore names the way to continue: only under the same name
    does a restore recognize its own objects and volumes.
    """
    try:
        yield
    except RestoreRefused:  # nothing was created
        raise
    except (BackupError, ClusterError) as problem:
        if not begun.is_set():
            raise
        raise BackupError(f"{problem}; continue with --resume {request.name}") from problem
    except KeyboardInterrupt:
        if begun.is_set():
            warn(f"continue with --resume {request.name}")
        raise


def _loaded(
    report: RestoreReport, request: RestoreRequest, snapshot: Snapshot, cluster: HttpCluster
) -> list[str]:
    """The application's own dumps, loaded once its Pods are ready. A partial restore loads none:
    a dump covers the whole namespace.
    """
    from resilience.backup.data.container_stream import ClusterExec
    from resilience.backup.data.dumps import Dumps
    from resilience.backup.data.dumps import of as dumps_of

    if request.dry_run:
        return []
    held = dumps_of(snapshot)
    if held and not report.complete:
        return ["no dump was loaded: not everything is restored"]
    if held and (request.selection.partial or request.selection.exclude):
        return ["no dump was loaded: a dump belongs to a complete restore"]
    return Dumps(cluster=cluster, exec=ClusterExec(cluster), clock=CLOCK).load(
        snapshot, request.targets
    )


def _filling(
    request: RestoreRequest,
    options: argparse.Namespace,
    snapshot: Snapshot,
    cluster: HttpCluster,
) -> RestoreRequest:
    """Volumes are filled before anything mounts them."""
    from resilience.backup.data.container_stream import ClusterExec
    from resilience.backup.data.volumes import TarVolumes

    local = LocalLayer(snapshot, request.targets, cluster) if options.local else None
    tar = TarVolumes(
        cluster=cluster,
        exec=ClusterExec(cluster),
        clock=CLOCK,
        name=request.name,
        mode=options.volumes or BY_EXISTING[request.existing],
        local=local.claims if local else (),
    )
    return replace(request, volumes=tar, adjust=local or request.adjust)


def _reach(request: RestoreRequest, snapshot: Snapshot) -> Reach:
    """A restore by hand changes a real cluster like any scenario: consent must cover the
    namespace of each object that it writes.
    """
    return Reach(
        namespaces=frozenset(places(request, snapshot)),
        cluster_scoped=ANY if request.selection.cluster_scoped else frozenset(),
    )


def new_namespaces(name: str, held: Collection[str], into: Sequence[str]) -> Mapping[str, str]:
    """From `--into`: the namespaces of snapshot `name`, and where each goes that does not stay."""
    texts = [each for text in into for each in text.split(",")]
    if not texts or len(texts) > 1 or "=" in texts[0]:
        found = pairs("--into", texts)
        # Refused, not warned of: the namespace that was meant would be restored in place.
        for old, new in found.items():
            if old not in held:
                raise BadRequest(without_effect("--into", f"{old}={new}", held, "namespaces", old))
        return found
    if len(held) != 1:
        raise BadRequest(
            f"snapshot {name} holds {many(len(held), 'namespace')} "
            f"({', '.join(sorted(held))}); write --into OLD=NEW once for each"
        )
    return {each: texts[0] for each in held}


def pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """Old to new, of an option that takes OLD=NEW and is repeatable."""
    found = dict[str, str]()
    for text in texts:
        old, _, new = text.partition("=")
        if not (old and new):
            raise BadRequest(f"{option} {text}: expected OLD=NEW")
        if found.setdefault(old, new) != new:
            raise BadRequest(f"{option} maps {old} twice, to {found[old]} and to {new}")
    return found
