"""Take one snapshot: collect, compress, upload, prove, and only then make it visible.

The order of writes matters: payload, list of objects, side files, manifest, signature, and
`velero-backup.json` last, each created once. Until the last one a reader sees nothing; when
anything fails, what was written is deleted again, and if that fails too it stays invisible.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from resilience import __version__
from resilience.backup.format import documents, encrypt, layout
from resilience.backup.format.archive import Address, Compressor, Writer, encode
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.coverage import Coverage, unaccepted
from resilience.backup.format.errors import BadRequest, Busy, Exists, Incomplete
from resilience.backup.format.manifest import FileRecord, Manifest, ObjectLine, VolumeRecord
from resilience.backup.format.object_index import Lines
from resilience.backup.format.pipe import Stage
from resilience.backup.format.sign import Signer, seal
from resilience.backup.store import Store
from resilience.backup.store.create_only import require_create_only
from resilience.backup.store.snapshot_files import Files, Repository
from resilience.backup.store.unfinished.saved_volumes import SavedVolumes
from resilience.backup.take.collect import Collected, collect
from resilience.backup.take.recheck import Recheck
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot_warnings import (
    collection_warnings,
    dangling,
    volume_warnings,
    without_data,
)
from resilience.cluster.errors import ApiError
from resilience.cluster.interface import NAMESPACES, Cluster, Object, Resource
from resilience.kube.objects import ROOT_CERTIFICATES
from resilience.model.heap import only_new_collected
from resilience.model.progress import track

Volumes = Callable[[Files, Sequence[tuple[str, str, str]]], Sequence[VolumeRecord]]
"""Takes the claims (namespace, name, volume), writes their data, returns what it wrote."""


def no_volumes(files: Files, claims: Sequence[tuple[str, str, str]]) -> Sequence[VolumeRecord]:
    """Take objects only; the side files say that no data was taken."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to take. `plan` is "" for a snapshot by hand. `engine` keeps what `volumes` writes.
    `before_commit` is called last and may still refuse; `mine` says whether no other run can have
    taken the name over, so that what was written may be deleted. `saves` says that volumes are
    read, and `saved` has those that an earlier run of the same snapshot has saved; `tell` receives
    what could not be used of it."""

    name: str
    plan: str = ""
    scope: Scope = field(default_factory=Scope)
    signer: Signer | None = None
    recipients: tuple[str, ...] = ()
    retain_until: datetime | None = None
    recheck: bool = True
    volumes: Volumes = no_volumes
    hooks: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    sentinels: tuple[str, ...] = ()
    engine: str = ""
    before_commit: Callable[[], None] = lambda: None
    mine: Callable[[], bool] = lambda: True
    saves: bool = False
    saved: SavedVolumes | None = None
    tell: Callable[[str], None] = lambda text: None


def create(request: Request, cluster: Cluster, store: Store, *, clock: Clock) -> Manifest:
    """Take it and return its manifest; `Incomplete` when the coverage does not suffice."""
    with only_new_collected():
        return _created(request, cluster, store, clock)


def _created(request: Request, cluster: Cluster, store: Store, clock: Clock) -> Manifest:
    layout.checked_name(request.name)
    require_create_only(store)
    if request.saved is None:
        require_unused(store, request.name)
    files = Files(
        store,
        recipients=request.recipients,
        retain_until=request.retain_until,
        repository=repository(request, store, clock),
        saved=request.saved,
    )
    try:
        made = _Making(request, cluster, store, files, clock).run()
    except Busy:  # another run may have this name now, so deleting could remove its files
        raise
    except BaseException:  # also on Ctrl-C, so that nothing incomplete is left
        files.take_back(mine=request.mine())
        raise
    files.committed()
    return made


def repository(request: Request, store: Store, clock: Clock) -> Repository | None:
    """The destination of volumes and dumps if `engine` sets one, "" for the snapshot's own
    files."""
    from resilience.backup.restic import restic

    if not request.engine:
        return None
    if request.engine != restic.NAME:
        raise BadRequest(f"engine {request.engine!r}: the only supported one is {restic.NAME}")
    if request.retain_until:
        raise BadRequest("a retention lock cannot be used with restic, which rewrites its files")
    return restic.made(store, clock)


def require_unused(store: Store, name: str, otherwise: str = "") -> None:
    """`Exists` if the store has a file of that name; `otherwise` is what else can be done."""
    found = next(iter(store.list(layout.directory(name))), None)
    if found:
        raise Exists(
            f"{store.url} already has {found.key}: snapshot {name} exists or its creation was "
            f"interrupted; choose another name,{otherwise} or sweep it with "
            "`resilience backup prune`"
        )


class _Making:
    def __init__(
        self, request: Request, cluster: Cluster, store: Store, files: Files, clock: Clock
    ) -> None:
        self._request, self._cluster, self._clock = request, cluster, clock
        self._store, self._files = store, files
        self._kinds: dict[str, Resource] = {}
        self._own = 0

    def run(self) -> Manifest:
        started = self._clock.now()
        with Lines() as lines:
            with self._request.hooks():
                found = self._archive(lines)
                volumes = tuple(self._request.volumes(self._files, found.readable))
            if self._files.saved is not None:  # nothing that was read is older than this
                started = self._files.saved.since(started)
            self._require_coverage(found.coverage)
            self._require_content()
            coverage = self._rechecked(found.coverage, lines)
            found.dangling += dangling(found.needed, lines)
            told = documents.warnings_for_velero(collection_warnings(found), volumes)
            self._side_files(lines, found, volumes, told, started)
            return self._seal(lines, found, coverage, volumes, started, told)

    def _archive(self, lines: Lines) -> Collected:
        with self._files.streamed(layout.archive(self._request.name)) as write:
            compressor = Compressor(write)
            with Stage(compressor.add) as stage:
                writer = Writer(stage.put)

                with track("read objects") as done:

                    def take(resource: Resource, item: Object) -> None:
                        self._take(resource, item, writer, lines)
                        done(1)

                    found = collect(self._cluster, self._request.scope, take, clock=self._clock)
                writer.close()
                stage.close()
            compressor.close()
        lines.finish()
        return found

    def _take(self, resource: Resource, item: Object, writer: Writer, lines: Lines) -> None:
        body = encode(item)
        metadata = item["metadata"]
        kind = resource.full_name
        self._kinds.setdefault(kind, resource)
        address = Address(kind, resource.version, metadata.get("namespace", ""), metadata["name"])
        writer.add(address, body)
        self._own += not is_of_the_cluster(kind, metadata["name"])
        owners = metadata.get("ownerReferences")
        lines.add(
            ObjectLine(
                address,
                resource.api_version,
                resource.kind,
                len(body),
                hashlib.sha256(body).hexdigest(),
                metadata.get("uid", ""),
                metadata.get("resourceVersion", ""),
                tuple(owner["uid"] for owner in owners) if owners else (),
            )
        )

    def _require_coverage(self, coverage: Sequence[Coverage]) -> None:
        missing = unaccepted(coverage, self._request.scope.accept)
        if missing:
            shown = "\n  ".join(map(str, missing[:20]))
            raise Incomplete(
                f"snapshot {self._request.name} would be incomplete, so it was not taken:\n"
                f"  {shown}\ngrant these permissions, or accept what is missing by name: "
                f"{', '.join(sorted({each.kind for each in missing}))}"
            )

    def _require_content(self) -> None:
        if self._own:
            return
        scope = self._request.scope
        limits = [f"kinds {', '.join(scope.kinds)}"] if scope.kinds != ("*",) else []
        limits += [f"labels {scope.labels}"] if scope.labels else []
        why = f"no object matches {' and '.join(limits)}" if limits else "they are empty"
        raise Incomplete(
            f"snapshot {self._request.name} would hold nothing except the namespaces themselves: "
            f"{why}. It was not taken"
        )

    def _rechecked(self, coverage: Sequence[Coverage], lines: Lines) -> Sequence[Coverage]:
        if not self._request.recheck:
            return coverage
        return Recheck(
            self._cluster,
            self._kinds,
            labels=self._request.scope.labels,
            clock=self._clock,
        ).run(coverage, lines)

    def _side_files(
        self,
        lines: Lines,
        found: Collected,
        volumes: Sequence[VolumeRecord],
        told: Sequence[str],
        started: datetime,
    ) -> None:
        name = self._request.name
        with self._files.streamed(layout.objects(name)) as write:
            for chunk in lines.chunks():
                write(chunk)
        log = documents.log_document(name, started, self._clock.now(), lines.count, told)
        made = {
            "resource-list": lines.resource_list(),
            "results": documents.results_document(told),
            "volumeinfo": documents.volumes_document(volumes, found.claims),
            **{what: documents.packed([]) for what in documents.EMPTY_LISTS},
            "logs": log,
        }
        self._files.put_all({layout.side(name, what): data for what, data in made.items()})

    def _seal(
        self,
        lines: Lines,
        found: Collected,
        coverage: Sequence[Coverage],
        volumes: tuple[VolumeRecord, ...],
        started: datetime,
        told: Sequence[str],
    ) -> Manifest:
        request, finished = self._request, self._clock.now()
        version = self._cluster.server_version()
        marker = documents.backup_document(
            name=request.name,
            plan=request.plan,
            namespaces=found.namespaces,
            started=started,
            finished=finished,
            server_version=version,
            objects=lines.count,
            warnings=len(told),
        )
        key = (layout.sealed_marker if request.recipients else layout.marker)(request.name)
        announced = FileRecord(key=key, size=len(marker), sha256=hashlib.sha256(marker).hexdigest())
        manifest = Manifest(
            name=request.name,
            plan=request.plan,
            started=started,
            finished=finished,
            cluster_uid=cluster_uid(self._cluster),
            context=self._cluster.context,
            server_version=version,
            namespaces=tuple(found.namespaces),
            objects=lines.count,
            object_bytes=lines.bytes,
            files=(*self._files.records, announced),
            coverage=tuple(coverage),
            warnings=(*collection_warnings(found), *volume_warnings(volumes)),
            volumes=volumes,
            sentinels=request.sentinels,
            own_objects=self._own,
            claims_without_data=without_data(found, volumes),
            scope=request.scope.as_json(),
            encryption=encrypt.KIND if request.recipients else "",
            signer=request.signer.public if request.signer else "",
            tool=f"pytest-resilience {__version__}",
        )
        encoded = manifest.encoded()
        self._put(layout.manifest(request.name), encoded)
        self._put(layout.signature(request.name), seal(encoded, request.signer).encoded())
        self._request.before_commit()
        self._put(key, marker)
        return manifest

    def _put(self, key: str, data: bytes) -> None:
        stored = self._store.put(key, data, retain_until=self._request.retain_until)
        self._files.records.append(
            FileRecord(key=key, size=len(data), sha256="", version=stored.version)
        )


def cluster_uid(cluster: Cluster) -> str:
    """The uid of kube-system, which identifies the cluster; "" without permission to read it."""
    try:
        metadata: dict[str, Any] = cluster.get(NAMESPACES, "kube-system")["metadata"]
    except ApiError:
        return ""
    return str(metadata.get("uid", ""))


def is_of_the_cluster(kind: str, name: str) -> bool:
    """Whether every namespace has such an object, so that it says nothing about an application."""
    if kind == "serviceaccounts":
        return name == "default"
    return kind == "namespaces" or (kind == "configmaps" and name in ROOT_CERTIFICATES)
