"""What a plan runs in containers: hooks, sentinel, dumps. Real shell, real programs, no cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.data.container_stream import Ended
from resilience.backup.data.dumps import Dumps, of
from resilience.backup.data.sentinel import flaw, line
from resilience.backup.drills.negative_controls import unseen
from resilience.backup.format.errors import (
    BackupError,
    BadRequest,
    HookFailed,
    SentinelFailed,
    VolumeFailed,
)
from resilience.backup.objects.mapping import Targets
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.data_request import Inside, with_data
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.errors import ServerTrouble
from resilience.cluster.interface import PODS, Object
from resilience.kube.selectors import Selector
from resilience.model.inside import Dump, PlanHook, Sentinel
from tests.backup.fakes import FakeClock, FakeCluster, shop

DB = Selector.parse("app=db")
SCOPE = Scope(namespaces=("shop",))


class Shell:
    """Runs the command on this machine, as a container with a shell would."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.after: Callable[[bytes, Ended], tuple[bytes, Ended]] = lambda out, ended: (out, ended)

    def run(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: Iterable[bytes] | None = None,
        stdout: Callable[[bytes], object] = lambda data: None,
        timeout: float = 60.0,
    ) -> Ended:
        self.ran.append(f"{namespace}/{pod}/{container}: {command[-1]}")
        done = subprocess.run(
            command, input=b"".join(stdin or ()), capture_output=True, timeout=60, check=False
        )
        out, ended = self.after(done.stdout, Ended(done.returncode, done.stderr.decode()))
        stdout(out)
        return ended


class NoTools(Shell):
    """A container without the shell's tools."""

    def __init__(self, *, python: bool = True) -> None:
        super().__init__()
        self._python = python

    def run(
        self, namespace: str, pod: str, container: str, command: Sequence[str], **more: Any
    ) -> Ended:
        if "mkfifo" in command[2]:
            return Ended(127, "sh: not found")
        if command[0].startswith("python"):
            if not self._python:
                return Ended(127, "not found")
            command = [sys.executable, *command[1:]]
        return super().run(namespace, pod, container, command, **more)


def database(name: str, namespace: str = "shop", *, ready: bool = True) -> Object:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": "db"}},
        "spec": {"containers": [{"name": "sidecar"}, {"name": "db"}]},
        "status": {"phase": "Running", "conditions": conditions},
    }


def with_database() -> FakeCluster:
    cluster = shop()
    cluster.add(database("db-0", ready=False), database("db-1"))
    return cluster


def made(
    inside: Inside, shell: Shell, cluster: FakeCluster | None = None, told: list[str] | None = None
) -> MemoryStore:
    store, cluster = MemoryStore(), cluster or with_database()
    tell = (told if told is not None else []).append
    request = Request(name="one", scope=SCOPE)
    request = with_data(request, cluster, shell, clock=FakeClock(), inside=inside, tell=tell)
    create(request, cluster, store, clock=FakeClock())
    return store


def dump(take: str, load: str = "cat", **more: str) -> Inside:
    found = Dump(name="orders", pods=DB, take=("sh", "-c", take), load=("sh", "-c", load), **more)
    return Inside(dumps=[found])


def test_a_dump_comes_back_byte_for_byte_into_the_ready_pod(tmp_path: Path) -> None:
    shell, back = Shell(), tmp_path / "back"
    store = made(dump("seq 200000; printf 'no newline'", f"cat > {back}"), shell)
    snapshot = opened(store, "one")
    assert verify(snapshot).intact
    (record,) = of(snapshot)
    target = FakeCluster()
    target.namespace("copy")
    target.add(database("db-7", "copy"))
    loading = Dumps(cluster=target, exec=shell, clock=FakeClock())
    (said,) = loading.load(snapshot, Targets(namespaces={"shop": "copy"}))
    numbers = "".join(f"{number}\n" for number in range(1, 200_001))
    assert back.read_bytes() == f"{numbers}no newline".encode()
    assert said == f"dump orders into copy: {record.bytes} bytes loaded by sh"
    assert [each.partition(":")[0] for each in shell.ran] == [
        *2 * ["shop/db-1/sidecar"],  # what the container has is asked first
        *2 * ["copy/db-7/sidecar"],
    ]


def test_a_dump_that_the_store_changed_by_a_byte_reaches_no_command(tmp_path: Path) -> None:
    """Changed after the verification, as a lying store or a rotting disk does it."""
    shell, back = Shell(), tmp_path / "back"
    store = made(dump("seq 2000", f"cat > {back}"), shell)
    snapshot = opened(store, "one")
    assert verify(snapshot).intact
    (record,) = of(snapshot)
    good = store.files[record.key]
    loading = Dumps(cluster=with_database(), exec=shell, clock=FakeClock())
    for bad in (good[:-1] + b"X", good[:-1], good + b"X"):
        store.files[record.key] = bad
        with pytest.raises(VolumeFailed, match=r"dump orders into shop: .*nothing was loaded"):
            loading.load(snapshot, Targets())
        assert not back.exists()
    store.files[record.key] = good
    loading.load(snapshot, Targets())
    assert back.read_bytes() == b"".join(b"%d\n" % number for number in range(1, 2001))


def test_a_dump_of_another_engine_is_held_against_the_manifest_before_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What restic gives is held against restic's own list, not against ours."""
    shell, back = Shell(), tmp_path / "back"
    snapshot = opened(made(dump("seq 2000", f"cat > {back}"), shell), "one")
    good = b"".join(snapshot.data(of(snapshot)[0]))
    loading = Dumps(cluster=with_database(), exec=shell, clock=FakeClock())
    for bad in (good[:-1] + b"X", good[:-1], good + b"X"):
        monkeypatch.setattr(type(snapshot), "data", lambda self, record, bad=bad: iter([bad]))
        with pytest.raises(VolumeFailed, match="not the one that was recorded; nothing was"):
            loading.load(snapshot, Targets())
        assert not back.exists()


def test_a_dump_for_which_there_is_no_room_is_loaded_as_it_arrives_and_that_is_said(
    tmp_path: Path,
) -> None:
    shell, back = Shell(), tmp_path / "back"
    store = made(dump("seq 2000", f"cat > {back}"), shell)
    snapshot = opened(store, "one")
    (record,) = of(snapshot)
    loading = Dumps(
        cluster=with_database(), exec=shell, clock=FakeClock(), room=lambda: record.bytes - 1
    )
    (said,) = loading.load(snapshot, Targets())
    assert "has no room for" in said
    assert back.stat().st_size == record.bytes
    loading = replace(loading, room=lambda: record.bytes)
    (said,) = loading.load(snapshot, Targets())
    assert "room" not in said


LOST = [
    (lambda out, ended: (out[:-1], ended), "bytes arrived"),
    (lambda out, ended: (b"x" + out[1:], ended), "another sha256"),
    (lambda out, ended: (out, Ended(0, "")), "no end marker"),
    (lambda out, ended: (out, Ended(None, ended.stderr)), "without an exit status"),
]


@pytest.mark.parametrize(("after", "words"), LOST, ids=[words for _, words in LOST])
def test_a_dump_without_any_one_proof_fails_the_snapshot(
    after: Callable[[bytes, Ended], tuple[bytes, Ended]], words: str
) -> None:
    shell = Shell()
    shell.after = after
    with pytest.raises(VolumeFailed, match=words):
        made(dump("seq 1000"), shell)


def test_a_dump_whose_producer_dies_in_the_middle_fails_the_snapshot() -> None:
    with pytest.raises(VolumeFailed, match=r"dump orders of shop/db-1: ended with 3: lost it"):
        made(dump("seq 1000; echo lost it >&2; exit 3"), Shell())


def test_a_load_that_fails_or_reads_only_a_part_is_not_called_done() -> None:
    shell, cluster = Shell(), with_database()
    for load, words in (("cat >/dev/null; exit 4", "ended with 4"), ("head -c 9", "bytes arrived")):
        snapshot = opened(made(dump("seq 500000", load), shell), "one")
        loading = Dumps(cluster=cluster, exec=shell, clock=FakeClock())
        with pytest.raises(VolumeFailed, match=words):
            loading.load(snapshot, Targets())


def test_without_a_shells_tools_python_counts_and_hashes(tmp_path: Path) -> None:
    shell, back = NoTools(), tmp_path / "back"
    store = made(dump("seq 100000; printf 'no newline'", f"cat > {back}"), shell)
    loading = Dumps(cluster=with_database(), exec=shell, clock=FakeClock())
    loading.load(opened(store, "one"), Targets())
    assert back.read_bytes().endswith(b"100000\nno newline")
    with pytest.raises(VolumeFailed, match=r"ended with 3: lost it"):
        made(dump("seq 1000; echo lost it >&2; exit 3"), shell)
    store = made(dump("seq 1000000", "head -1"), shell)
    with pytest.raises(VolumeFailed, match=r"dump orders into shop: ended with 124"):
        loading.load(opened(store, "one"), Targets())


def test_a_container_with_neither_is_told_what_it_lacks() -> None:
    shell = NoTools(python=False)
    with pytest.raises(VolumeFailed, match=r"neither a shell with tee, wc.* nor Python"):
        made(dump("seq 10"), shell)


def test_a_dump_nobody_can_give_is_named() -> None:
    with pytest.raises(VolumeFailed, match="dump orders: no Pod app=db exists in shop"):
        made(dump("true"), Shell(), shop())
    starting = shop()
    starting.add(database("db-0", ready=False))
    with pytest.raises(VolumeFailed, match="dump orders: no Pod app=db is ready in shop after 120"):
        made(dump("true"), Shell(), starting)
    with pytest.raises(BadRequest, match="no container 'nope'; there are sidecar, db"):
        made(dump("true", container="nope"), Shell())


def test_the_control_also_changes_a_bit_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = opened(made(dump("seq 1000"), Shell()), "one")
    assert unseen(snapshot) == []
    key = of(snapshot)[0].key

    def careless(shown: object, *, trusted: str = "") -> object:
        """A verification that never reads data."""
        found = verify(shown)  # type: ignore[arg-type]
        found.findings = [each for each in found.findings if key not in each]
        return found

    monkeypatch.setattr("resilience.backup.drills.negative_controls.verify", careless)
    assert unseen(snapshot) == ["a changed bit of its data"]


class Leaving(Shell):
    """Its first command finds no container: the Pod is leaving, and another one is ready."""

    def __init__(self, cluster: FakeCluster) -> None:
        super().__init__()
        self.cluster, self.left = cluster, False

    def run(self, namespace: str, pod: str, *more: Any, **options: Any) -> Ended:
        if not self.left:
            self.left = True
            self.cluster.delete(PODS, pod, namespace)
            self.cluster.put(PODS, database("db-2", namespace))
            raise ServerTrouble(500, "container db is not running")
        return super().run(namespace, pod, *more, **options)


def test_a_dump_or_sentinel_whose_pod_leaves_is_the_next_ones(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    cluster = with_database()
    sentinel = Sentinel(pods=DB, write=("tee", str(kept)), read=("cat", str(kept)))
    made(Inside(sentinel=sentinel), Leaving(cluster), cluster)
    assert flaw(kept.read_text(), "one") == ""
    cluster = with_database()
    store = made(dump("seq 9", f"cat > {kept}"), Leaving(cluster), cluster)
    assert "db-2" in of(opened(store, "one"))[0].key
    cluster = with_database()
    Dumps(cluster=cluster, exec=Leaving(cluster), clock=FakeClock()).load(
        opened(store, "one"), Targets()
    )
    assert kept.read_text() == "1\n2\n3\n4\n5\n6\n7\n8\n9\n"


def hook(**more: object) -> PlanHook:
    base = PlanHook(pods=DB, before=("sh", "-c", "true"), after=("sh", "-c", "exit 0"))
    return replace(base, **more)  # type: ignore[arg-type]


def test_hooks_of_the_plan_run_in_every_running_pod_and_are_undone_in_reverse() -> None:
    shell = Shell()
    made(Inside(hooks=[hook(container="db"), hook(before=("true",), after=("true",))]), shell)
    assert shell.ran == [
        "shop/db-0/db: true",
        "shop/db-1/db: true",
        "shop/db-0/sidecar: true",
        "shop/db-1/sidecar: true",
        "shop/db-0/sidecar: true",
        "shop/db-1/sidecar: true",
        "shop/db-0/db: exit 0",
        "shop/db-1/db: exit 0",
    ]


def test_a_failing_hook_of_the_plan_fails_the_snapshot_unless_it_is_optional() -> None:
    failing, told = hook(before=("sh", "-c", "echo broken >&2; exit 5")), list[str]()
    shell = Shell()
    with pytest.raises(HookFailed, match="ended with 5: broken"):
        made(Inside(hooks=[failing]), shell)
    assert shell.ran[-1] == "shop/db-1/sidecar: exit 0", "what was frozen is thawed"
    store = made(Inside(hooks=[replace(failing, optional=True)]), Shell(), told=told)
    assert verify(opened(store, "one")).intact
    assert len(told) == 2


def test_a_hook_that_finds_no_pod_is_an_error_unless_it_is_optional() -> None:
    with pytest.raises(HookFailed, match="Pods app=db, but none runs in shop"):
        made(Inside(hooks=[hook()]), Shell(), shop())
    made(Inside(hooks=[hook(optional=True)]), Shell(), shop())


def test_hooks_leave_out_pods_that_have_ended_or_are_going() -> None:
    """velero#5137: a Job's finished Pod with the same labels and annotations."""
    cluster, shell = with_database(), Shell()
    annotations = {"pre.hook.backup.velero.io/command": '["sh", "-c", "true"]'}
    for name, phase in (("done", "Succeeded"), ("failed", "Failed"), ("going", "Running")):
        pod = database(name)
        pod["status"]["phase"] = phase
        pod["metadata"]["annotations"] = annotations
        if name == "going":
            pod["metadata"]["deletionTimestamp"] = "2026-03-01T00:00:00Z"
        cluster.add(pod)
    made(Inside(hooks=[hook(container="db")]), shell, cluster)
    assert {each.partition(":")[0] for each in shell.ran} == {"shop/db-0/db", "shop/db-1/db"}


@pytest.mark.parametrize("optional", [False, True])
def test_a_hook_for_a_container_that_no_pod_has_runs_nothing_and_ends(optional: bool) -> None:
    """velero#9749: the wrong name was waited for, for ever."""
    shell = Shell()
    with pytest.raises(BackupError, match="nosuch"):
        made(Inside(hooks=[hook(), hook(container="nosuch", optional=optional)]), shell)
    assert shell.ran == []


def keeping(path: Path) -> Sentinel:
    return Sentinel(pods=DB, write=("tee", str(path)), read=("cat", str(path)))


def test_the_sentinel_is_written_before_hooks_freeze_and_named_in_the_manifest(
    tmp_path: Path,
) -> None:
    path, shell = tmp_path / "sentinel", Shell()
    inside = Inside(sentinel=keeping(path), hooks=[hook(container="db")])
    manifest = opened(made(inside, shell), "one").manifest
    assert manifest
    assert manifest.sentinels == ("shop",)
    assert shell.ran[0] == f"shop/db-1/sidecar: {path}"
    assert flaw(path.read_text(), "one") == ""


def test_without_a_pod_to_keep_it_or_when_it_cannot_there_is_no_snapshot(tmp_path: Path) -> None:
    errors: list[BackupError] = []
    starting = shop()
    starting.add(database("db-0", ready=False))
    for path, cluster in ((tmp_path, with_database()), (tmp_path / "s", shop()),
                          (tmp_path / "t", starting)):  # fmt: skip
        with pytest.raises(SentinelFailed) as caught:
            made(Inside(sentinel=keeping(path)), Shell(), cluster)
        errors.append(caught.value)
    assert "Is a directory" in str(errors[0])
    assert "no Pod app=db exists in shop" in str(errors[1])
    assert "no Pod app=db is ready in shop after 120s" in str(errors[2])


def test_a_record_that_is_older_damaged_or_absent_is_told_apart() -> None:
    record = line("one", datetime(2026, 3, 1, tzinfo=UTC))
    assert flaw(record, "one") == ""
    assert "written for snapshot one, at 2026-03-01" in flaw(record, "two")
    assert "checksum" in flaw(record.replace("2026-03-01", "2026-03-02"), "one")
    assert "is not a record: ''" in flaw("", "one")


def test_an_empty_dump_is_a_warning_and_one_of_a_byte_is_none() -> None:
    for program, warnings in (("true", ("the dump is empty",)), ("printf x", ())):
        (record,) = of(opened(made(dump(program, "cat"), Shell()), "one"))
        assert record.warnings == warnings


@pytest.mark.parametrize(
    ("program", "code"), [("echo part; echo why >&2; exit 3", 3), ("echo why >&2; kill -9 $$", 137)]
)
def test_a_dump_whose_command_fails_is_told_in_its_own_words(program: str, code: int) -> None:
    with pytest.raises(VolumeFailed, match=rf"ended with {code}: why(\nKilled)?$"):
        made(dump(program, "cat"), Shell())
