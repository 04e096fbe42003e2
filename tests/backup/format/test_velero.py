"""A bucket of Velero's is a source for restores and drills, whichever Velero wrote it."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Mapping, Sequence

import pytest

from resilience.backup.catalog.catalog import opened, snapshots
from resilience.backup.catalog.velero_check import require_intact
from resilience.backup.format.errors import BadArchive, NoSnapshot, Tampered
from resilience.backup.objects.mapping import Targets
from resilience.backup.restore.outcome import Outcome
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeClock, FakeCluster, shop

Files = Mapping[str, bytes]


def tarball(files: Files) -> bytes:
    """As Go writes it: GNU or PAX headers, a time, no order."""
    out = io.BytesIO()
    paths = list(files)
    random.Random(3).shuffle(paths)
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(files[path]), 0o755, 1700000000.5
            tar.addfile(info, io.BytesIO(files[path]))
    return out.getvalue()


def objects() -> Sequence[tuple[str, Object]]:
    cluster = shop()
    owner = cluster.objects["deployments.apps", "shop", "checkout"]["metadata"]["uid"]
    cluster.add(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "owned",
                "namespace": "shop",
                "ownerReferences": [
                    {
                        "apiVersion": "apps/v1",
                        "kind": "Deployment",
                        "name": "checkout",
                        "uid": owner,
                    }
                ],
            },
        }
    )
    return [
        (kind, obj) for (kind, _, name), obj in cluster.objects.items() if name != "kube-system"
    ]


def path(kind: str, obj: Object, version: str = "") -> str:
    metadata = obj["metadata"]
    scope = f"namespaces/{metadata['namespace']}" if "namespace" in metadata else "cluster"
    return f"resources/{kind}/{version}{scope}/{metadata['name']}.json"


def ark(kind: str, obj: Object) -> str:
    metadata = obj["metadata"]
    if "namespace" in metadata:
        return f"namespaces/{metadata['namespace']}/{kind}/{metadata['name']}.json"
    return f"cluster/{kind}/{metadata['name']}.json"


def body(obj: Object) -> bytes:
    return json.dumps(obj).encode()


def layouts() -> Mapping[str, Files]:
    plain = {path(kind, obj): body(obj) for kind, obj in objects()}
    preferred = {path(kind, obj, "v1-preferredversion/"): body(obj) for kind, obj in objects()}
    other = {
        path("deployments.apps", obj, "v1beta1/"): body(obj | {"apiVersion": "apps/v1beta1"})
        for kind, obj in objects()
        if kind == "deployments.apps"
    }
    return {
        "Ark 0.3": {ark(kind, obj): body(obj) for kind, obj in objects()},
        "format 1": {"metadata/version": b"1\n"} | plain,
        "format 1.1.0": {"metadata/version": b"1.1.0\n"} | plain | preferred,
        "all versions": {"metadata/version": b"1.1.0\n"} | plain | preferred | other,
        "preferred only": {"metadata/version": b"1.1.0\n"} | preferred,
        "a version to come": {"metadata/version": b"2.7\n"} | plain,
    }


def bucket(files: Files, *, marker: str = "velero-backup.json", **status: str) -> MemoryStore:
    store = MemoryStore()
    document = {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {"name": "nightly"},
        "spec": {"includedNamespaces": ["shop"]},
        "status": {"phase": "Completed", "startTimestamp": "2026-02-28T01:00:00Z"} | status,
    }
    store.put("backups/nightly/nightly.tar.gz", tarball(files))
    store.put("backups/nightly/nightly-logs.gz", gzip.compress(b"level=info"))
    store.put("metadata/revision", b"1")
    store.put("restores/r/restore-r-logs.gz", b"")
    store.put(f"backups/nightly/{marker}", json.dumps(document).encode())
    return store


@pytest.mark.parametrize("layout", layouts())
def test_every_layout_that_velero_wrote_is_restored(layout: str) -> None:
    store = bucket(layouts()[layout])
    target = FakeCluster()
    target.version = 9000
    report = restore(RestoreRequest(name="r"), opened(store, "nightly"), target, clock=FakeClock())
    assert report.complete
    assert report.counts == {Outcome.CREATED: 6}
    created = [kind for verb, kind, _, _ in target.requests if verb == "create"]
    assert created[0] == "namespaces"
    assert (
        created.index("configmaps") < created.index("services") < created.index("deployments.apps")
    )
    uid = target.objects["deployments.apps", "shop", "checkout"]["metadata"]["uid"]
    owned = target.objects["configmaps", "shop", "owned"]["metadata"]
    assert owned["ownerReferences"][0]["uid"] == uid


def test_a_bucket_of_arks_is_listed_and_restored_elsewhere() -> None:
    store = bucket(layouts()["Ark 0.3"], marker="ark-backup.json")
    assert [each.name for each in snapshots(store)] == ["nightly"]
    target = shop()
    request = RestoreRequest(name="r", targets=Targets(namespaces={"shop": "copy"}))
    assert restore(request, opened(store, "nightly"), target, clock=FakeClock()).complete
    assert ("secrets", "copy", "password") in target.objects


def test_what_velero_has_not_finished_is_not_there() -> None:
    store = bucket(layouts()["format 1.1.0"])
    del store.files["backups/nightly/velero-backup.json"]
    with pytest.raises(NoSnapshot, match="nightly is unfinished"):
        opened(store, "nightly")


def test_the_phase_and_the_start_are_velero_s_own() -> None:
    snapshot = opened(bucket(layouts()["format 1"], phase="PartiallyFailed"), "nightly")
    assert snapshot.velero.phase == "PartiallyFailed"
    assert snapshot.started.isoformat() == "2026-02-28T01:00:00+00:00"
    assert snapshot.side("resource-list") is None
    assert snapshot.manifest is None


@pytest.mark.parametrize("content", [b"no json", b"[]", b'{"kind":"Pod"}'])
def test_an_entry_that_is_no_object_is_named(content: bytes) -> None:
    files = {"resources/pods/namespaces/shop/web.json": content}
    with pytest.raises(BadArchive, match=r"pods/namespaces/shop/web\.json is not an API"):
        restore(
            RestoreRequest(name="r"),
            opened(bucket(files), "nightly"),
            FakeCluster(),
            clock=FakeClock(),
        )


def test_an_object_in_a_foreign_namespace_is_refused() -> None:
    obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "kube-system"},
    }
    files = {"resources/pods/namespaces/shop/web.json": body(obj)}
    with pytest.raises(BadArchive, match="is in a different namespace"):
        restore(
            RestoreRequest(name="r"),
            opened(bucket(files), "nightly"),
            FakeCluster(),
            clock=FakeClock(),
        )


def with_list(files: Files) -> MemoryStore:
    """A bucket whose archive holds `files`, and whose resource list names everything."""
    store, listed = bucket(files), dict[str, list[str]]()
    for _, obj in objects():
        metadata = obj["metadata"]
        name = f"{metadata['namespace']}/{metadata['name']}" if "namespace" in metadata else None
        kind = f"{obj['apiVersion']}/{obj['kind']}"
        listed.setdefault(kind, []).append(name or metadata["name"])
    text = gzip.compress(json.dumps(listed).encode())
    store.put("backups/nightly/nightly-resource-list.json.gz", text)
    return store


def test_what_the_resource_list_names_and_the_archive_lacks_is_found() -> None:
    files = dict(layouts()["format 1.1.0"])
    require_intact(opened(with_list(files), "nightly"))
    require_intact(opened(bucket(files), "nightly"))  # as before 1.2: no list, nothing to hold
    lost = [each for each in files if each.endswith("/owned.json")]
    assert len(lost) == 2
    for each in lost:
        del files[each]
    with pytest.raises(
        Tampered, match="lists objects that its archive lacks: ConfigMap shop/owned;"
    ):
        require_intact(opened(with_list(files), "nightly"))


def test_a_truncated_archive_of_veleros_is_told_before_it_is_restored() -> None:
    store = with_list(layouts()["format 1.1.0"])
    key = "backups/nightly/nightly.tar.gz"
    store.files[key] = store.files[key][: len(store.files[key]) // 2]
    with pytest.raises(Tampered, match=r"the archive ends in the middle"):
        require_intact(opened(store, "nightly"))
