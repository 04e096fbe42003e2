"""The data of volumes, as a tar stream from or to a helper Pod that mounts the claim.

A stream without its four proofs (`container_stream.proven`) fails the snapshot. The stream is read
from the live file system, which is as consistent as the application's hooks make it, or from a copy
of one moment (`snapshot_clones`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.data.claim_users import ClaimUsers
from resilience.backup.data.container_stream import Counted, Ended, Exec, last_words, packed, proven
from resilience.backup.data.helper.claim_mounts import TRIES, ClaimMounts
from resilience.backup.data.helper.helper_pod import MOUNT, uses
from resilience.backup.data.saved_before import again, identity
from resilience.backup.data.snapshot_clones import StandIns
from resilience.backup.data.volume_decisions import (
    Act,
    Decision,
    VolumesMode,
    decide,
    found_full,
    is_going,
    looked,
    size_of,
    too_small,
)
from resilience.backup.format import layout
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import HelperLost, Tampered, VolumeFailed
from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.rules import FILLED, FILLING
from resilience.backup.store.snapshot_files import Files
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import CLAIMS, PODS, Cluster, Object
from resilience.cluster.stand_in import StandIn
from resilience.kube import objects
from resilience.model.inside import Volumes
from resilience.model.progress import Done, track

_TIMEOUT = 6 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TarVolumes:
    """Takes claims and restores them. `name` is the snapshot's or the restore's.

    `mode` is for existing claims; `local` are claims restored from VolumeSnapshots; `users` are
    stand-ins for the Pods of the snapshot that mount a target's claim; `frozen` says whether hooks
    run around the reading of a namespace.
    """

    cluster: Cluster
    exec: Exec
    clock: Clock
    name: str
    image: str = ""
    mode: VolumesMode = "fail"
    local: Collection[tuple[str, str]] = ()
    users: dict[tuple[str, str], StandIn] = field(default_factory=dict)
    wanted: Volumes = field(default_factory=Volumes)
    frozen: Callable[[str], bool] = lambda namespace: False

    @property
    def mounts(self) -> ClaimMounts:
        """How claims are mounted for it."""
        return ClaimMounts(
            cluster=self.cluster, clock=self.clock, run=self.name, image=self.image,
            users=self.users,
        )  # fmt: skip

    def take(self, files: Files, claims: Sequence[tuple[str, str, str]]) -> list[VolumeRecord]:
        """For `Request.volumes`: the data of each bound claim, one after another."""
        stand_ins = StandIns(
            cluster=self.cluster, clock=self.clock, run=self.name, wanted=self.wanted
        )
        bound = [(namespace, claim) for namespace, claim, volume in claims if volume]
        for namespace in sorted({namespace for namespace, _ in bound}):
            stand_ins.sweep(namespace)
        have = again(self, files.saved, bound) if files.saved is not None else frozenset()
        records: list[VolumeRecord] = []
        with track("save volumes", total=len(bound), unit="volume") as done:
            for each in bound:
                if self.wanted.local:
                    records.append(self._local(files, stand_ins, *each))
                if each in have:
                    records.append(files.saved_before(*each))
                else:
                    records.append(self._anew(files, stand_ins, *each))
                done(1)
        return records

    def _local(self, files: Files, stand_ins: StandIns, namespace: str, claim: str) -> VolumeRecord:
        """The fast layer that stays on the cluster."""
        kept = stand_ins.keep(namespace, claim)
        files.on_failure(lambda: stand_ins.take_back(kept))
        files.on_success(lambda: stand_ins.thin(namespace, claim))
        return kept

    def _anew(self, files: Files, stand_ins: StandIns, namespace: str, claim: str) -> VolumeRecord:
        """The stream, which is the backup."""
        began, found = self.clock.now(), identity(self.claim(namespace, claim) or {})
        with stand_ins.of(namespace, claim) as mounted:
            record = self._take(files, namespace, claim, mounted)
        files.saved_now(record, found, began)
        return record

    def _take(self, files: Files, namespace: str, claim: str, mounted: str) -> VolumeRecord:
        """A stream whose helper was lost leaves nothing behind, so it is started again."""
        for _ in range(TRIES - 1):
            with suppress(HelperLost):
                return self._stream(files, namespace, claim, mounted)
        return self._stream(files, namespace, claim, mounted)

    def _stream(self, files: Files, namespace: str, claim: str, mounted: str) -> VolumeRecord:
        key = layout.volume(self.name, namespace, claim)
        what = f"volume {namespace}/{claim}"
        with self.mounts.mounted(namespace, mounted, writing=False) as pod:
            hint = size_of(self.claim(namespace, mounted) or {})
            with (
                files.data(key, lambda: counted.sha256, size_hint=hint) as write,
                track(f"save {what}", unit="byte") as done,
            ):
                counted = Counted(write, done)
                ended = self._agent(namespace, pod, "save", stdout=counted.write)
                footer = proven(what, ended, counted)
                if footer.warnings and self.wanted.changing == "fail":
                    raise VolumeFailed(f"{what}: {'; '.join(footer.warnings[:5])}")
        return VolumeRecord(
            namespace=namespace,
            claim=claim,
            key=key,
            bytes=footer.bytes,
            sha256=footer.sha256,
            tree=footer.tree,
            engine=files.engine,
            warnings=footer.warnings,
        )

    def decide(
        self,
        snapshot: Snapshot,
        targets: Targets,
        wanted: Callable[[str, str], bool],
        *,
        look: bool,
    ) -> list[Decision]:
        """For `RestoreRequest.volumes`: what happens to each volume. Nothing is written, except
        helper Pods that `look` into existing claims."""
        records = snapshot.manifest.volumes if snapshot.manifest else ()
        decisions = [
            self._decided(record, targets.namespace(record.namespace))
            for record in records
            if record.kind == "tar" and wanted(record.namespace, record.claim)
        ]
        decisions = self._with_room(snapshot, decisions)
        if not look or all(each.act in (Act.LEAVE, Act.REFUSE) for each in decisions):
            return decisions
        users = ClaimUsers(snapshot.contents.objects())
        for each in decisions:
            record = each.record
            stand_in = users.of(record.namespace, record.claim)
            self.users[each.namespace, record.claim] = stand_in
        return [self._looked(each) if each.act is Act.LOOK else each for each in decisions]

    def _with_room(self, snapshot: Snapshot, decisions: list[Decision]) -> list[Decision]:
        """The recorded claims are looked for only where one that exists is to be written to."""
        there = {
            each.title: claim
            for each in decisions
            if each.act not in (Act.LEAVE, Act.REFUSE)
            and (claim := self.claim(each.namespace, each.record.claim))
            and not is_going(claim)
        }
        recorded = dict(self._recorded(snapshot)) if there else {}
        return [
            too_small(each, there[each.title], recorded.get(_key(each))) if each.title in there
            else each
            for each in decisions
        ]  # fmt: skip

    @staticmethod
    def _recorded(snapshot: Snapshot) -> Iterator[tuple[tuple[str, str], Object]]:
        for found in snapshot.contents.objects():
            if found.address.resource == "persistentvolumeclaims":
                yield (found.address.namespace, found.address.name), found.parsed()

    def _decided(self, record: VolumeRecord, namespace: str) -> Decision:
        if (record.namespace, record.claim) in self.local:
            why = "its claim is restored from its VolumeSnapshot"
            return Decision(record, namespace, Act.LEAVE, why)
        claim, user = self.claim(namespace, record.claim), ""
        if claim is not None:
            pods = self.cluster.list(PODS, namespace)
            using = [pod for pod in pods if uses(pod, record.claim) and not objects.is_ours(pod)]
            user = objects.name(using[0]) if using else ""
        return decide(record, namespace, claim, user, restore=self.name, mode=self.mode)

    def claim(self, namespace: str, claim: str) -> Object | None:
        """A claim as it is now, None where there is none."""
        try:
            return self.cluster.get(CLAIMS, claim, namespace)
        except NotFound:
            return None

    def _looked(self, decision: Decision) -> Decision:
        """Whether an existing claim, used by no Pod, is empty."""
        with self.mounts.mounted(decision.namespace, decision.record.claim, writing=False) as pod:
            empty = self._is_empty(decision, pod)
        claim = self.claim(decision.namespace, decision.record.claim) or {}
        return looked(decision, empty, self.mode, claim)

    def _is_empty(self, decision: Decision, pod: str) -> bool:
        ended = self._agent(decision.namespace, pod, "look")
        if ended.status != 0:
            raise VolumeFailed(f"volume {decision.title} cannot be inspected: {last_words(ended)}")
        return "empty" in ended.stderr.split()

    def fill(self, snapshot: Snapshot, decisions: Sequence[Decision]) -> list[str]:
        """For `RestoreRequest.volumes`: as decided; a line for each volume."""
        told: list[str] = []
        with track("fill volumes", total=len(decisions), unit="volume") as done:
            for each in decisions:
                told.append(self._carried_out(snapshot, each))
                done(1)
        return told

    def _carried_out(self, snapshot: Snapshot, decision: Decision) -> str:
        if decision.act not in (Act.FILL, Act.REFILL):
            return str(decision)
        namespace, record = decision.namespace, decision.record
        claim = self.claim(namespace, record.claim)
        if claim is None or is_going(claim):
            why = "its claim was not restored"
            return str(Decision(record, namespace, Act.LEAVE, why))
        with self.mounts.mounted(namespace, record.claim, writing=True) as pod:
            if decision.act is Act.FILL and not self._is_empty(decision, pod):
                decision = found_full(decision, self.mode)
            if decision.act is Act.LEAVE:
                return str(decision)
            if decision.act is Act.REFUSE:
                raise VolumeFailed(f"volume {decision.title}: {decision.why}")
            # Only now, because a resumed restore empties claims with this mark.
            self._mark(namespace, record.claim, {FILLING: self.name})
            warned = self._load(
                snapshot, record, namespace, pod, empty_first=decision.act is Act.REFILL
            )
        self._mark(namespace, record.claim, {FILLED: self.name, FILLING: None})
        told = f"; warning: {'; '.join(warned)}" if warned else ""
        return f"{decision}: {record.bytes} bytes, tree {record.tree}{told}"

    def _mark(self, namespace: str, claim: str, marks: dict[str, str | None]) -> None:
        self.cluster.patch(CLAIMS, claim, {"metadata": {"annotations": marks}}, namespace)

    def _agent(self, namespace: str, pod: str, what: str, **streams: Any) -> Ended:
        command = ["python", "-c", packed("volume_agent"), what, MOUNT]
        return self.exec.run(namespace, pod, "volume", command, timeout=_TIMEOUT, **streams)

    def bring_back(self, snapshot: Snapshot, record: VolumeRecord, namespace: str) -> Sequence[str]:
        """Restore into the claim of the same name in `namespace`, which must be empty."""
        with self.mounts.mounted(namespace, record.claim, writing=True) as pod:
            return self._load(snapshot, record, namespace, pod, empty_first=False)

    def _load(
        self, snapshot: Snapshot, record: VolumeRecord, namespace: str, pod: str, *,
        empty_first: bool,
    ) -> Sequence[str]:  # fmt: skip
        title = f"fill volume {namespace}/{record.claim}"
        with track(title, total=record.bytes, unit="byte") as done:
            return self._loaded(snapshot, record, namespace, pod, done, empty_first=empty_first)

    def _loaded(
        self,
        snapshot: Snapshot,
        record: VolumeRecord,
        namespace: str,
        pod: str,
        done: Done,
        *,
        empty_first: bool,
    ) -> Sequence[str]:
        """Restore into an empty volume, or one that is emptied first. The helper reads the disk
        back and compares it with the stream; returns its warnings."""
        what = f"volume {namespace}/{record.claim}"
        sent = Counted(lambda data: None, done)

        wrong: list[Tampered] = []

        def stdin() -> Iterator[bytes]:
            try:
                for chunk in snapshot.data(record):
                    sent.write(chunk)
                    if sent.bytes > record.bytes:  # it may never end
                        return
                    yield chunk
            except Tampered as problem:  # the helper ends, and says whether it wrote anything
                wrong.append(problem)

        if empty_first and (ended := self._agent(namespace, pod, "clear")).status != 0:
            raise VolumeFailed(f"{what} cannot be emptied: {last_words(ended)}")
        form = "load" if record.tree.startswith("2:") else "load-1"
        ended = self._agent(namespace, pod, form, stdin=stdin())
        if ended.status == 0 and (
            wrong or (sent.bytes, sent.sha256) != (record.bytes, record.sha256)
        ):
            raise self._refused(what, namespace, pod, wrong)
        footer = proven(what, ended, sent)
        if footer.tree != record.tree:
            raise VolumeFailed(f"{what}: the files on the disk differ from those in the stream")
        return footer.warnings

    def _refused(
        self, what: str, namespace: str, pod: str, wrong: Sequence[Tampered]
    ) -> VolumeFailed:
        """Empty the claim again, so that no byte of an unverified stream stays."""
        why = str(wrong[0]) if wrong else "the stored stream is not the one that was recorded"
        ended = self._agent(namespace, pod, "clear")
        left = "is emptied again" if ended.status == 0 else f"holds it: {last_words(ended)}"
        return VolumeFailed(
            f"{what}: {why}. The claim {left}, and keeps its annotation {FILLING}; choose another"
            " snapshot"
        )


def _key(decision: Decision) -> tuple[str, str]:
    return decision.record.namespace, decision.record.claim
