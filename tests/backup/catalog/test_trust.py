"""What is restored is what was sealed, whatever the store gives and whoever can write to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from resilience.backup.catalog.catalog import Snapshot, opened
from resilience.backup.catalog.velero_check import require_intact
from resilience.backup.catalog.verify import verify
from resilience.backup.drills.drill import run
from resilience.backup.format import layout
from resilience.backup.format.errors import BackupError, RestoreRefused, Tampered
from resilience.backup.format.manifest import Manifest
from resilience.backup.format.sign import seal
from resilience.backup.objects.mapping import Targets
from resilience.backup.plans.lifecycle import Keys, newest
from resilience.backup.restore.outcome import RestoreReport
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.interface import Object
from tests.backup.catalog.test_verify import SIGNER, THIEF, stored
from tests.backup.fakes import FakeClock, FakeCluster, config_map, shop
from tests.backup.plans.shop_plan import KEYS, PLAN, lived_in

ADMIN: Object = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "evil-admin"},
    "roleRef": {"apiGroup": "", "kind": "ClusterRole", "name": "cluster-admin"},
}


def evil(signer: object = None) -> MemoryStore:
    """Snapshot `one` as someone else would have it: one more ConfigMap, and one in kube-system."""
    cluster = shop()
    cluster.add(
        config_map("note", text="hello"), config_map("evil"), config_map("e", "kube-system")
    )
    store = MemoryStore()
    scope = Scope(namespaces=("shop", "kube-system"))
    create(Request(name="one", scope=scope, signer=signer), cluster, store, clock=FakeClock())  # type: ignore[arg-type]
    return store


class Liar(MemoryStore):
    """Gives what it was given for the first `honest` reads of a key, then what `other` has."""

    def __init__(self, truth: MemoryStore, other: MemoryStore, keys: set[str], honest: int) -> None:
        super().__init__()
        self.files, self._modified = truth.files, truth._modified
        self._other, self._keys, self._honest = other, keys, honest
        self.reads: dict[str, int] = {}

    def _of(self, key: str) -> MemoryStore | None:
        self.reads[key] = self.reads.get(key, 0) + 1
        return self._other if key in self._keys and self.reads[key] > self._honest else None

    def read(self, key: str, version: str = "") -> bytes:
        other = self._of(key)
        return other.read(key) if other else super().read(key, version)

    def stream(self, key: str, version: str = "") -> Iterator[bytes]:
        yield self.read(key, version)


def brought_back(snapshot: Snapshot, target: FakeCluster) -> RestoreReport:
    require_intact(snapshot)
    return restore(RestoreRequest(name="r"), snapshot, target, clock=FakeClock())


FILES = ("archive", "objects", "manifest", "signature")


@pytest.mark.parametrize("honest", range(7))
@pytest.mark.parametrize("which", [*FILES, "all"])
@pytest.mark.parametrize("signer", [None, THIEF], ids=["unsigned", "attacker"])
def test_a_store_that_lies_after_the_verification_never_gets_an_object_in(
    which: str, honest: int, signer: object
) -> None:
    names = FILES if which == "all" else (which,)
    liar = Liar(stored(), evil(signer), {getattr(layout, each)("one") for each in names}, honest)
    target = FakeCluster()
    try:
        report = brought_back(opened(liar, "one", trusted=SIGNER.public), target)
        assert report.complete
        assert sum(report.counts.values()) == 6
    except BackupError as problem:
        assert isinstance(problem, Tampered)  # noqa: PT017 - either outcome is right
    assert ("configmaps", "shop", "evil") not in target.objects
    assert ("configmaps", "kube-system", "e") not in target.objects
    assert max(liar.reads.get(layout.manifest("one"), 0), liar.reads[layout.signature("one")]) == 1


def test_an_archive_with_fewer_objects_than_are_sealed_ends_in_an_error() -> None:
    truth = stored()
    fewer = MemoryStore()
    create(Request(name="one", scope=Scope(namespaces=("shop",))), shop(), fewer, clock=FakeClock())
    liar = Liar(truth, fewer, {layout.archive("one")}, 1)
    with pytest.raises(Tampered, match=r"object \S+ is missing, or not the one that was verified"):
        brought_back(opened(liar, "one", trusted=SIGNER.public), FakeCluster())


def foreign(store: MemoryStore) -> MemoryStore:
    """Whoever can write to the store deletes everything of ours, so that it looks like Velero's."""
    for key in [key for key in store.files if "resilience-" in key or "verified-" in key]:
        del store.files[key]
    return store


def test_with_a_trusted_key_a_snapshot_without_a_manifest_is_refused() -> None:
    store = foreign(stored())
    target = FakeCluster()
    for name in ("one",):
        with pytest.raises(
            Tampered, match=r"written by Velero and is not signed; expected the sig"
        ):
            brought_back(opened(store, name, trusted=SIGNER.public), target)
    assert len(target.objects) == 1
    assert brought_back(opened(store, "one"), target).complete  # nobody asked for a signature


@pytest.mark.parametrize("kept", ["objects", "signature"])
@pytest.mark.parametrize("trusted", ["", SIGNER.public], ids=["any", "trusted"])
def test_a_leftover_of_ours_without_its_manifest_is_tampered_and_not_velero_s(
    kept: str, trusted: str
) -> None:
    store = stored()
    content = store.files[getattr(layout, kept)("one")]
    foreign(store).files[getattr(layout, kept)("one")] = content
    snapshot = opened(store, "one", trusted=trusted)
    with pytest.raises(Tampered, match="its manifest is missing, although backups/one/resilience-"):
        brought_back(snapshot, FakeCluster())
    assert "its manifest is missing" in verify(snapshot).findings[0]


def test_a_drill_with_a_trusted_key_touches_nothing_of_what_is_not_signed() -> None:
    store = MemoryStore()
    name = "shop-20260301010000"
    create(Request(name=name, scope=Scope(namespaces=("shop",))), shop(), store, clock=FakeClock())
    keys = replace(KEYS, trusted=SIGNER.public)
    for prepare in (lambda given: given, foreign):
        cluster = lived_in()
        before = set(cluster.objects)
        found = newest(prepare(store), PLAN, keys)
        report = run(PLAN, replace(found, trusted=""), cluster, clock=FakeClock(), keys=keys)
        assert not report.passed
        assert any("not signed" in line for each in report.findings for line in each.detail)
        assert set(cluster.objects) == before


def resealed(store: MemoryStore, **changed: object) -> MemoryStore:
    """An unsigned snapshot whose manifest says something else."""
    manifest = Manifest.decoded(store.files[layout.manifest("one")], "one")
    data = replace(manifest, **changed).encoded()  # type: ignore[arg-type]
    for key, content in (
        (layout.manifest("one"), data),
        (layout.signature("one"), seal(data, None).encoded()),
    ):
        del store.files[key]
        store.put(key, content)
    return store


def test_objects_outside_of_the_manifest_s_namespaces_are_found_and_never_restored() -> None:
    store = resealed(evil(), namespaces=("shop",))
    (finding, *_) = verify(opened(store, "one")).findings
    assert "is outside of the snapshot's namespaces, shop" in finding
    target = FakeCluster()
    with pytest.raises(RestoreRefused, match="holds objects in kube-system, which its manifest do"):
        restore(RestoreRequest(name="r"), opened(store, "one"), target, clock=FakeClock())
    assert len(target.objects) == 1


def test_a_mapping_of_a_namespace_that_is_not_in_the_snapshot_is_refused() -> None:
    """A misspelt --into would restore in place what it was to move."""
    request = RestoreRequest(name="r", targets=Targets(namespaces={"shpo": "copy"}))
    with pytest.raises(RestoreRefused, match="holds no namespace shpo; it holds shop"):
        restore(request, opened(stored(), "one"), FakeCluster(), clock=FakeClock())


def test_where_every_namespace_must_be_mapped_one_that_is_not_refuses_all() -> None:
    request = RestoreRequest(
        name="r", targets=Targets(namespaces={"shop": "copy"}), mapped_only=True
    )
    target = FakeCluster()
    with pytest.raises(RestoreRefused, match="holds objects in kube-system, which is mapped to no"):
        restore(request, opened(evil(), "one"), target, clock=FakeClock())
    assert len(target.objects) == 1


def test_a_manifest_of_the_wrong_types_is_damaged_and_no_traceback() -> None:
    store = stored(signer=None)
    document = json.loads(store.files[layout.manifest("one")])
    wrongs: list[Any] = [7, "x", [], {}, None, [7], ["x"], [{}], -1, 1e400, {"a": []}, True]
    for field in document:
        for wrong in wrongs:
            data = json.dumps(document | {field: wrong}).encode()
            for key, content in (
                (layout.manifest("one"), data),
                (layout.signature("one"), seal(data, None).encoded()),
            ):
                del store.files[key]
                store.put(key, content)
            try:
                brought_back(opened(store, "one"), FakeCluster())
            except BackupError as problem:
                assert "one" in str(problem)  # noqa: PT017 - some changes are harmless


def test_keys_are_handed_to_the_newest_of_a_plan() -> None:
    store = MemoryStore()
    create(
        Request(name="shop-20260301010000", scope=Scope(namespaces=("shop",))),
        shop(),
        store,
        clock=FakeClock(),
    )
    with pytest.raises(Tampered, match="is not signed; expected the signature of"):
        assert newest(store, PLAN, Keys(trusted=SIGNER.public)).manifest
