"""Whatever is done to a stored snapshot is found before anything is restored."""

from __future__ import annotations

import gzip
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import Verification, verify
from resilience.backup.catalog.verify_record import (
    last_good,
    latest,
    record,
    record_damage,
    recorded,
)
from resilience.backup.format import layout
from resilience.backup.format.errors import StoreError, Tampered, UnknownFormat
from resilience.backup.format.sign import Signer, seal
from resilience.backup.plans import cli_output
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from tests.backup.fakes import FakeClock, config_map, shop

SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
THIEF = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
MOMENT = datetime(2026, 3, 1, 3, tzinfo=UTC)


def stored(
    name: str = "one",
    *,
    signer: Signer | None = SIGNER,
    greeting: str = "hello",
    store: MemoryStore | None = None,
) -> MemoryStore:
    store = store or MemoryStore()
    cluster = shop()
    cluster.add(config_map("note", text=greeting))
    request = Request(name=name, scope=Scope(namespaces=("shop",)), signer=signer)
    create(request, cluster, store, clock=FakeClock())
    return store


def intact(store: MemoryStore, name: str = "one", trusted: str = "") -> bool:
    return verify(opened(store, name), trusted=trusted).intact


@pytest.mark.parametrize("signer", [SIGNER, None], ids=["signed", "unsigned"])
def test_a_thousand_single_bit_flips_are_all_found(signer: Signer | None) -> None:
    store = stored(signer=signer)
    record(opened(store, "one"), verify(opened(store, "one")), MOMENT)
    assert intact(store)
    keys = [key for key in store.files if key.startswith("backups/")]
    sizes = [len(store.files[key]) for key in keys]
    chance = random.Random(20260301)
    unseen = []
    for _ in range(1000):
        key = chance.choices(keys, sizes)[0]
        whole = store.files[key]
        bit = chance.randrange(len(whole) * 8)
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        store.files[key] = bytes(flipped)
        if intact(store):
            unseen.append((key, bit))
        store.files[key] = whole
    assert unseen == []


def test_every_bit_of_the_signature_file_matters() -> None:
    store = stored()
    key = layout.signature("one")
    whole = store.files[key]
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        store.files[key] = bytes(flipped)
        assert not intact(store), bit


def test_a_replaced_tarball_is_found() -> None:
    store = stored()
    other = stored(greeting="bye")
    store.files[layout.archive("one")] = other.files[layout.archive("one")]
    found = verify(opened(store, "one")).findings
    assert any("shop/note.json was changed" in each for each in found)


def test_findings_about_files_that_are_read_at_once_are_in_the_manifests_order() -> None:
    store = stored()
    manifest = opened(store, "one").manifest
    assert manifest
    keys = [each.key for each in manifest.files if each.key != layout.archive("one")]
    for key in keys:
        store.files[key] += b"!"
    found = verify(opened(store, "one")).findings
    assert [each.partition(" ")[0] for each in found] == keys


@pytest.mark.parametrize("what", ["archive", "objects", "manifest", "signature"])
def test_a_removed_file_is_found(what: str) -> None:
    store = stored()
    key = getattr(layout, what)("one")
    del store.files[key]
    if what == "manifest":
        snapshot = opened(store, "one")
        assert not snapshot.listed.ours
        return
    assert any(key in each for each in verify(opened(store, "one")).findings)


def test_an_added_file_is_found() -> None:
    store = stored()
    store.files["backups/one/extra.json"] = b"{}"
    store._modified["backups/one/extra.json"] = MOMENT
    assert verify(opened(store, "one")).findings == [
        "backups/one/extra.json was not written with this snapshot"
    ]


def test_an_older_snapshot_under_a_newer_name_is_found() -> None:
    store = stored("old")
    for key, data in list(store.files.items()):
        if key.startswith("backups/old/"):
            copied = key.replace("old", "new")
            store.files[copied] = data
            store._modified[copied] = MOMENT
    found = verify(opened(store, "new")).findings
    assert len(found) == 1
    assert "snapshot new is really snapshot old" in found[0]


def test_a_forger_with_another_key_is_found_when_the_key_is_known() -> None:
    store = stored(greeting="forged", signer=THIEF)
    assert intact(store)
    assert intact(stored(), trusted=SIGNER.public)
    (finding,) = verify(opened(store, "one"), trusted=SIGNER.public).findings
    assert f"signed by {THIEF.public}; expected" in finding


def test_an_unsigned_snapshot_is_found_when_a_signature_is_expected() -> None:
    (finding,) = verify(opened(stored(signer=None), "one"), trusted=SIGNER.public).findings
    assert "is not signed" in finding


def test_a_stripped_signature_is_found_without_any_key() -> None:
    store = stored()
    manifest = store.files[layout.manifest("one")]
    store.files[layout.signature("one")] = seal(manifest, None).encoded()
    (finding,) = verify(opened(store, "one")).findings
    assert "names another signer" in finding


def test_an_object_added_to_the_archive_and_its_hash_is_found() -> None:
    store = stored(signer=None)
    snapshot = opened(store, "one")
    manifest = snapshot.manifest
    assert manifest
    lines = gzip.decompress(store.files[layout.objects("one")]).splitlines(keepends=True)
    store.files[layout.objects("one")] = gzip.compress(b"".join(lines[:-1]))
    files = tuple(
        replace(each, size=len(data := store.files[each.key]), sha256=_hash(data))
        for each in manifest.files
    )
    forged = replace(manifest, files=files).encoded()
    store.files[layout.manifest("one")] = forged
    store.files[layout.signature("one")] = seal(forged, None).encoded()
    found = verify(opened(store, "one")).findings
    assert any("was added to the archive" in each for each in found)


def _hash(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def test_a_newer_format_is_refused_by_name() -> None:
    store = stored(signer=None)
    newer = store.files[layout.manifest("one")].replace(b'"format": 1', b'"format": 2')
    store.files[layout.manifest("one")] = newer
    store.files[layout.signature("one")] = seal(newer, None).encoded()
    with pytest.raises(UnknownFormat, match="format 2, this version reads 1"):
        verify(opened(store, "one"))


def test_a_verification_is_recorded_and_believed() -> None:
    store = stored()
    assert recorded(opened(store, "one")) is None
    record(opened(store, "one"), verify(opened(store, "one")), MOMENT)
    later = MOMENT + timedelta(hours=1)
    record(opened(store, "one"), verify(opened(store, "one")), later)
    assert recorded(opened(store, "one")) == later
    assert intact(store)


def test_damage_is_recorded_and_an_earlier_record_no_longer_counts() -> None:
    store = stored()
    record(opened(store, "one"), verify(opened(store, "one")), MOMENT)
    record_damage(opened(store, "one"), MOMENT + timedelta(hours=1))
    assert recorded(opened(store, "one")) is None
    assert latest(opened(store, "one")) is None
    good = last_good(opened(store, "one"))
    assert good
    assert good.verified == MOMENT
    assert verify(opened(store, "one")).intact
    later = MOMENT + timedelta(hours=2)
    record(opened(store, "one"), verify(opened(store, "one")), later)
    assert recorded(opened(store, "one")) == later


def test_another_key_than_the_trusted_one_says_nothing_about_the_snapshot() -> None:
    store = stored()
    before = set(store.files)
    stranger = opened(store, "one", trusted=THIEF.public)
    assert not verify(stranger).intact
    record_damage(stranger, MOMENT)
    assert set(store.files) == before


def test_a_bad_verification_is_not_recorded() -> None:
    store = stored()
    store.files[layout.archive("one")] += b"x"
    with pytest.raises(Tampered):
        record(opened(store, "one"), verify(opened(store, "one")), MOMENT)
    assert recorded(opened(store, "one")) is None


def test_a_record_of_another_snapshot_is_not_believed() -> None:
    store = stored()
    stored("two", store=store, greeting="bye")
    record(opened(store, "one"), verify(opened(store, "one")), MOMENT)
    (key,) = opened(store, "one").listed.verifications
    copied = key.replace("/one/", "/two/")
    store.files[copied] = store.files[key]
    store._modified[copied] = MOMENT
    assert recorded(opened(store, "two")) is None


def test_a_store_in_trouble_is_no_verdict_on_the_snapshot() -> None:
    class Down(MemoryStore):
        def read(self, key: str, version: str = "") -> bytes:
            raise StoreError("the store does not answer")

    store = Down()
    stored(store=store)
    with pytest.raises(StoreError, match="does not answer"):
        verify(opened(store, "one"))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "5 objects, 2.0 KiB, not signed"),
        (
            {"volumes": 2, "data_bytes": 3 << 20},
            "5 objects, 2.0 KiB, 2 volumes, 3.0 MiB, not signed",
        ),
        ({"dumps": 1, "data_bytes": 1024}, "5 objects, 2.0 KiB, 1 dump, 1.0 KiB, not signed"),
        (
            {"volumes": 1, "dumps": 2, "data_bytes": 1024},
            "5 objects, 2.0 KiB, 1 volume, 2 dumps, 1.0 KiB, not signed",
        ),
    ],
)
def test_what_was_verified_is_told_in_numbers(data: dict[str, int], told: str) -> None:
    found = Verification("a", objects=5, bytes=2048, **data)  # type: ignore[arg-type]
    assert cli_output.verified(found) == f"a is what was written: {told}"
