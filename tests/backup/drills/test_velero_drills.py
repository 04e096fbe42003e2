"""A backup of Velero's is drilled and restored by what its archive holds, or refused by name."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.velero_check import check, require_intact
from resilience.backup.catalog.velero_volumes import unread
from resilience.backup.catalog.verify_record import record, recorded
from resilience.backup.drills.drill import run
from resilience.backup.drills.drill_report import DrillReport
from resilience.backup.format.archive import Compressor, Writer
from resilience.backup.format.errors import BadRequest, NoSnapshot, RestoreRefused, Tampered
from resilience.backup.objects.mapping import Targets
from resilience.backup.plans.cli_output import row, shown, table
from resilience.backup.plans.lifecycle import due, newest, run_due
from resilience.backup.plans.plan_judge import fresh, intact
from resilience.backup.plans.plan_snapshots import of_plan
from resilience.backup.plans.pruning import prune, sweep
from resilience.backup.restore.outcome import Outcome
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.cluster.interface import Object
from resilience.commands.backup_restore import _reach, new_namespaces
from resilience.model.finding import Result
from resilience.model.scenario import Drill
from tests.backup.fakes import FakeClock, FakeCluster, config_map, shop
from tests.backup.format.test_velero import body, path, tarball
from tests.backup.plans.shop_plan import KEYS, PLAN, due_run, running

NAME = "shop-20260301013000"
EVENT: Object = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"name": "web.1", "namespace": "shop"},
    "involvedObject": {"kind": "Pod", "name": "web", "namespace": "shop"},
}
NAMESPACE: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
SETTINGS: Object = config_map("settings", greeting="hello") | {}
SETTINGS["metadata"]["uid"] = "u-1"

Kinds = Sequence[tuple[str, Object]]
BY_KIND: Kinds = [("configmaps", SETTINGS)]
WHOLE: Kinds = [("namespaces", NAMESPACE), ("configmaps", SETTINGS), ("events", EVENT)]


def backup(
    objects: Kinds = WHOLE,
    *,
    name: str = NAME,
    store: MemoryStore | None = None,
    included: Sequence[str] = ("*",),
    sides: Mapping[str, Any] | None = None,
    **status: Any,
) -> MemoryStore:
    store = store or MemoryStore()
    files = {path(kind, obj): body(obj) for kind, obj in objects}
    names: dict[str, list[str]] = {}
    for _, obj in objects:
        at = obj["metadata"]
        full = f"{at['namespace']}/{at['name']}" if "namespace" in at else at["name"]
        names.setdefault(f"{obj['apiVersion']}/{obj['kind']}", []).append(full)
    document = {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {"name": name},
        "spec": {"includedNamespaces": list(included)},
        "status": {"phase": "Completed", "startTimestamp": "2026-03-01T01:30:00Z"} | status,
    }
    store.put(f"backups/{name}/{name}.tar.gz", tarball(files))
    for side, content in {"resource-list": names, **(sides or {})}.items():
        packed = gzip.compress(json.dumps(content).encode())
        store.put(f"backups/{name}/{name}-{side}.json.gz", packed)
    store.put(f"backups/{name}/velero-backup.json", json.dumps(document).encode())
    return store


def cluster() -> FakeCluster:
    found = shop()
    found.on_create = partial(running, cluster=found)
    return found


def drilled(store: MemoryStore, found: FakeCluster, **plan: Any) -> DrillReport:
    changed = replace(PLAN, kinds=("configmaps",), **plan)
    return run(changed, newest(store, changed), found, clock=FakeClock(), keys=KEYS)


def names(report: DrillReport) -> list[str]:
    return [each.name for each in report.findings if each.result is not Result.PASSED]


@pytest.mark.parametrize("included", [["*"], ["sho*"], [], ["shop", "other"]])
def test_a_drill_walls_the_namespaces_of_the_objects_whatever_the_backup_says(
    included: list[str],
) -> None:
    found, before = cluster(), set(cluster().objects)
    del found.objects["configmaps", "shop", "settings"]
    report = drilled(backup(BY_KIND, included=included), found)
    assert report.passed, report.findings
    made = {name[2] for name in found.requests if name[0] == "create" and name[1] == "configmaps"}
    assert made == {"shop-drill"}
    assert ("configmaps", "shop", "settings") not in found.objects
    assert set(found.objects) < before


def test_a_namespace_without_a_scratch_of_its_own_stops_the_drill() -> None:
    both: Kinds = [*BY_KIND, ("configmaps", config_map("x", "billing"))]
    for into in ("shop", "one-for-all"):
        found = cluster()
        before = set(found.objects)
        plan = replace(PLAN, drill=Drill(into=into, then=()))
        with pytest.raises(RestoreRefused, match=r"must give each of billing, shop a namespace"):
            run(plan, newest(backup(both), plan), found, clock=FakeClock(), keys=KEYS)
        assert set(found.objects) == before


def test_consent_is_asked_for_the_namespaces_of_the_objects() -> None:
    """Neither for those of a list that names fewer, nor for a pattern, nor for none at all."""
    store = backup([*BY_KIND, ("configmaps", config_map("x", "kube-system"))], included=["sho*"])
    for request in (RestoreRequest(name="r"), RestoreRequest(name="r", existing="skip")):
        assert _reach(request, opened(store, NAME)).namespaces == {"shop", "kube-system"}


def test_a_path_that_gives_a_namespace_to_a_kind_without_one_is_refused() -> None:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "evil-admin", "namespace": "shop"},
        "roleRef": {"apiGroup": "", "kind": "ClusterRole", "name": "cluster-admin"},
    }
    kind = "clusterrolebindings.rbac.authorization.k8s.io"
    for objects in ([(kind, binding)], [*BY_KIND, (kind, binding)]):
        store, found = backup(objects), cluster()
        with pytest.raises(RestoreRefused, match="evil-admin is cluster-scoped on this cluster"):
            drilled(store, found)
        assert (kind, "", "evil-admin") not in found.objects
        assert (kind, "shop-drill", "evil-admin") not in found.objects


@pytest.mark.parametrize("field", ["name", "namespace"])
def test_an_object_that_says_otherwise_than_its_path_is_refused(field: str) -> None:
    lies = config_map("settings")
    store = MemoryStore()
    files = {path("configmaps", lies): body(lies | {"metadata": lies["metadata"] | {field: "x"}})}
    backup(BY_KIND, store=store)
    store.files[f"backups/{NAME}/{NAME}.tar.gz"] = tarball(files)
    with pytest.raises(Tampered, match=f"a different {field} than its body says"):
        require_intact(opened(store, NAME))


def test_two_different_copies_of_one_object_are_refused() -> None:
    files = {
        path("configmaps", SETTINGS): body(SETTINGS),
        path("configmaps", SETTINGS, "v1-preferredversion/"): body(SETTINGS | {"data": {"a": "b"}}),
    }
    store = backup(BY_KIND)
    store.files[f"backups/{NAME}/{NAME}.tar.gz"] = tarball(files)
    with pytest.raises(Tampered, match="the archive holds two different copies of it"):
        require_intact(opened(store, NAME))


def test_what_velero_never_restores_is_left_out_and_named() -> None:
    found = cluster()
    request = RestoreRequest(name="r", targets=Targets(namespaces={"shop": "copy"}))
    report = restore(request, opened(backup(), NAME), found, clock=FakeClock())
    assert report.complete
    (left,) = [str(each) for each in report.items if each.outcome is Outcome.LEFT]
    assert "events copy/web.1" in left or "events shop/web.1" in left
    assert "describes objects that are gone" in left
    assert drilled(backup(), cluster()).passed


@pytest.mark.parametrize(
    "phase",
    ["Failed", "InProgress", "New", "Deleting", "WaitingForPluginOperations", "Finalizing", ""],
)
def test_an_unfinished_or_failed_backup_is_refused_by_its_phase(phase: str) -> None:
    store = backup(phase=phase)
    with pytest.raises(Tampered, match=f"its phase is {phase or 'unknown'}"):
        require_intact(opened(store, NAME))
    assert names(drilled(store, cluster())) == ["whole"]
    (finding,) = intact(PLAN, store, clock=FakeClock(), keys=KEYS)
    assert finding.result is Result.FAILED
    assert phase in table([row(opened(store, NAME))], FakeClock().now())


def test_a_partially_failed_backup_is_a_warning_and_fails_proofs_unless_accepted() -> None:
    store = backup(phase="PartiallyFailed", errors=7)
    (warning,) = require_intact(opened(store, NAME))
    assert "is PartiallyFailed: Velero counted 7 errors" in warning
    assert "7 errors" in shown(opened(store, NAME))
    assert names(drilled(store, cluster())) == ["phase", "rto"]
    assert intact(PLAN, store, clock=FakeClock(), keys=KEYS)[0].result is Result.FAILED
    accepted = replace(PLAN, accept=("PartiallyFailed",))
    assert drilled(store, cluster(), accept=("PartiallyFailed",)).passed
    assert intact(accepted, store, clock=FakeClock(), keys=KEYS)[0].result is Result.PASSED


POD_VOLUME = {
    "metadata": {"annotations": {"velero.io/pvc-name": "data-db-0"}},
    "spec": {
        "pod": {"namespace": "shop", "name": "db-0"},
        "volume": "data",
        "uploaderType": "kopia",
    },
    "status": {"phase": "Completed"},
}
MOVED = {
    "spec": {
        "backupItemAction": "velero.io/csi-pvc-backupper",
        "resourceIdentifier": {
            "Group": "",
            "Resource": "persistentvolumeclaims",
            "Namespace": "shop",
            "Name": "data-db-0",
        },
    },
    "status": {"phase": "Completed"},
}
INFO = {"pvcName": "data-db-0", "pvcNamespace": "shop", "pvName": "pv-1", "result": "succeeded"}
SIDES: Mapping[str, Mapping[str, Any]] = {
    "kopia": {
        "volumeinfo": [
            INFO
            | {
                "backupMethod": "PodVolumeBackup",
                "pvbInfo": {
                    "uploaderType": "kopia",
                    "podName": "db-0",
                    "podNamespace": "shop",
                    "volumeName": "data",
                },
            }
        ],
        "podvolumebackups": [POD_VOLUME],
    },
    "data mover": {
        "volumeinfo": [INFO | {"backupMethod": "CSISnapshot", "snapshotDataMoved": True}],
        "itemoperations": [MOVED],
    },
    "before 1.13": {"podvolumebackups": [POD_VOLUME]},
    "only the operation": {"itemoperations": [MOVED]},
    "CSI to 1.16": {
        "csi-volumesnapshots": [
            {
                "metadata": {"namespace": "shop"},
                "spec": {"source": {"persistentVolumeClaimName": "data-db-0"}},
            }
        ]
    },
}


@pytest.mark.parametrize("side", SIDES)
def test_volume_data_that_only_velero_can_read_is_named_and_refused(side: str) -> None:
    store = backup(sides=SIDES[side])
    (volume,) = unread(opened(store, NAME))
    assert str(volume).startswith("shop/data-db-0 (")
    assert "shop/data-db-0" in shown(opened(store, NAME))
    found = FakeCluster()
    with pytest.raises(
        RestoreRefused, match=r"only Velero can read: shop/data-db-0 .*--without-vol"
    ):
        restore(RestoreRequest(name="r"), opened(store, NAME), found, clock=FakeClock())
    assert len(found.objects) == 1
    request = RestoreRequest(name="r", without_volume_data=True)
    assert restore(request, opened(store, NAME), found, clock=FakeClock()).complete
    report = drilled(store, cluster())
    assert names(report) == ["volumes", "rto"]
    assert drilled(store, cluster(), accept=("volume-data",)).passed


def test_a_native_snapshot_and_a_pods_volume_without_a_claim_have_names_too() -> None:
    pod_only = POD_VOLUME | {"metadata": {}}
    native = {"spec": {"persistentVolumeName": "pv-9"}, "status": {"phase": "Completed"}}
    failed = POD_VOLUME | {"status": {"phase": "Failed"}}
    sides = {"podvolumebackups": [pod_only, failed], "volumesnapshots": [native]}
    found = [str(each) for each in unread(opened(backup(sides=sides), NAME))]
    assert found == [
        "/pv-9 (snapshot of the provider)",
        "shop/db-0:data (file system backup by kopia)",
    ]


def test_skipped_volumes_are_no_lost_data() -> None:
    sides = {"volumeinfo": [INFO | {"skipped": True, "skippedReason": "not bound"}]}
    assert unread(opened(backup(sides=sides), NAME)) == ()


def test_restore_hooks_that_pods_ask_for_are_reported() -> None:
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "db",
            "namespace": "shop",
            "annotations": {
                "post.hook.restore.velero.io/command": '["psql", "-c", "analyze"]',
                "init.hook.restore.velero.io/container-image": "alpine",
            },
        },
        "spec": {"containers": [{"name": "db", "image": "postgres"}]},
    }
    store = backup([*WHOLE, ("pods", pod)])
    report = restore(
        RestoreRequest(name="r"), opened(store, NAME), FakeCluster(), clock=FakeClock()
    )
    assert report.hooks == [
        'Pod shop/db: restore hook (command) not run: ["psql", "-c", "analyze"]',
        "Pod shop/db: restore hook (init container) not run: alpine",
    ]


def test_into_a_name_works_for_the_one_namespace_of_a_backup() -> None:
    held = opened(backup(BY_KIND), NAME).contents.namespaces
    assert new_namespaces(NAME, held, ["copy"]) == {"shop": "copy"}
    two = backup([*BY_KIND, ("configmaps", config_map("x", "billing"))])
    with pytest.raises(BadRequest, match=r"holds 2 namespaces \(billing, shop\)"):
        new_namespaces(NAME, opened(two, NAME).contents.namespaces, ["copy"])


def test_prune_sweep_and_due_leave_velero_s_alone() -> None:
    clock = FakeClock()
    store = MemoryStore(now=clock.now)
    for name in (NAME, "shop-20260228013000", "shop-20260227013000"):
        backup(name=name, store=store)
    store.put("backups/other/other.tar.gz", gzip.compress(b"metadata/version" + bytes(2000)))
    mine = [key for key in store.files if key.startswith("backups/")]
    plan = replace(PLAN, keep=replace(PLAN.keep, last=1))
    assert of_plan(store, "shop") == []
    assert due(plan, store, clock.now())
    assert due_run(shop(), store, clock).made.name == "shop-20260301020000"
    clock.wait(10 * 86400)
    told = prune(plan, store, clock=clock).lines
    assert f"{NAME}: kept: Velero's" in told
    assert [*sweep(store, clock.now())] == []
    assert set(mine) <= set(store.files)
    assert newest(store, plan).name == "shop-20260301020000"


def test_a_scheduled_name_that_velero_has_is_not_taken_from_it() -> None:
    clock = FakeClock()
    store = backup(name="shop-20260301020000")
    before = dict(store.files)
    report = run_due(PLAN, shop(), store, clock=clock, keys=KEYS, holder="a")
    assert report.made
    assert report.made.name == "shop-20260301020000-2"
    assert before.items() <= store.files.items()


def test_the_remains_of_ours_are_still_swept() -> None:
    clock = FakeClock()
    store, written = MemoryStore(now=clock.now), list[bytes]()
    compressor = Compressor(written.append)
    Writer(compressor.add).close()
    compressor.close()
    store.put("backups/cut/cut.tar.gz", b"".join(written))
    clock.wait(2 * 86400)
    assert [*sweep(store, clock.now())] == ["cut: unfinished, deleted"]


def test_a_whole_backup_of_velero_s_is_recorded_and_makes_fresh_and_intact_pass() -> None:
    clock, store = FakeClock(), backup()
    snapshot = opened(store, NAME)
    assert fresh(PLAN, store, clock=clock)[0].result is Result.FAILED
    found = check(snapshot)
    record(snapshot, found, clock.now(), archive=found.archive)
    assert recorded(opened(store, NAME)) == clock.now()
    assert fresh(PLAN, store, clock=clock)[0].result is Result.PASSED
    assert intact(PLAN, store, clock=clock, keys=KEYS)[0].result is Result.PASSED
    other = config_map("settings", greeting="bye")
    files = {path(kind, obj): body(obj) for kind, obj in (*WHOLE[::2], ("configmaps", other))}
    store.files[f"backups/{NAME}/{NAME}.tar.gz"] = tarball(files)
    (finding,) = intact(PLAN, store, clock=clock, keys=KEYS)
    assert finding.result is Result.FAILED
    assert "its archive changed since it was verified" in finding.detail[0]


def test_without_a_resource_list_intact_is_not_measured() -> None:
    store = backup()
    del store.files[f"backups/{NAME}/{NAME}-resource-list.json.gz"]
    assert intact(PLAN, store, clock=FakeClock(), keys=KEYS)[0].result is Result.NOT_MEASURED


def test_the_backup_of_another_name_is_refused() -> None:
    store = backup()
    key = f"backups/{NAME}/velero-backup.json"
    store.files[key] = store.files[key].replace(NAME.encode(), b"another")
    with pytest.raises(Tampered, match="belongs to backup 'another'"):
        require_intact(opened(store, NAME))


def test_a_namespace_that_a_backup_by_kinds_does_not_hold_is_made_where_it_is_missing() -> None:
    found = FakeCluster()
    request = RestoreRequest(name="r", targets=Targets(namespaces={"shop": "copy"}))
    report = restore(request, opened(backup(BY_KIND), NAME), found, clock=FakeClock())
    assert report.complete
    assert [str(each) for each in report.items] == [
        "namespaces copy: created",
        "configmaps copy/settings: created",
    ]
    found = shop()
    del found.objects["configmaps", "shop", "settings"]
    before = dict(found.objects["namespaces", "", "shop"]["metadata"])
    report = restore(
        RestoreRequest(name="r"), opened(backup(BY_KIND), NAME), found, clock=FakeClock()
    )
    assert [str(each) for each in report.items] == ["configmaps shop/settings: created"]
    assert found.objects["namespaces", "", "shop"]["metadata"] == before


@pytest.mark.parametrize(
    ("later", "words"),
    [
        (
            [("configmaps", SETTINGS | {"data": {"greeting": "olleh"}})],
            "is not the one that was verif",
        ),
        (
            [("namespaces", NAMESPACE)],
            "settings.json is missing from the archive, which gave 0 of 1",
        ),
        ([], "is missing from the archive"),
    ],
)
def test_an_archive_that_changes_after_it_was_read_first_is_never_restored(
    later: Kinds, words: str
) -> None:
    """Velero's archive has no hash of its own to be held against: only its first reading."""
    store, found = backup(BY_KIND), shop()
    del found.objects["configmaps", "shop", "settings"]
    snapshot = opened(store, NAME)
    require_intact(snapshot)
    files = {path(kind, obj): body(obj) for kind, obj in later}
    store.files[f"backups/{NAME}/{NAME}.tar.gz"] = tarball(files)
    with pytest.raises(Tampered, match=words):
        restore(RestoreRequest(name="r"), snapshot, found, clock=FakeClock())
    assert ("configmaps", "shop", "settings") not in found.objects


def test_a_completed_backup_of_nothing_is_refused_in_words() -> None:
    """Velero calls it Completed, and its restore ends with an error about a directory (#5910)."""
    store = backup([])
    with pytest.raises(Tampered, match="its archive contains no object"):
        require_intact(opened(store, NAME))
    assert names(drilled(store, cluster())) == ["whole"]


def test_what_an_upload_that_failed_leaves_is_no_snapshot_and_is_left_alone() -> None:
    """Only the log is there when the store refuses the archive (#10543)."""
    clock = FakeClock()
    store = MemoryStore(now=clock.now)
    store.put(f"backups/{NAME}/{NAME}-logs.gz", gzip.compress(b"level=error"))
    with pytest.raises(NoSnapshot, match="is unfinished"):
        opened(store, NAME)
    clock.wait(3 * 86400)
    assert [*sweep(store, clock.now())] == []


def test_bytes_after_the_end_of_the_gzip_stream_are_refused() -> None:
    store = backup()
    store.files[f"backups/{NAME}/{NAME}.tar.gz"] += b"garbage"
    with pytest.raises(Tampered, match="gzip"):
        require_intact(opened(store, NAME))
