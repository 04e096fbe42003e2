"""Whatever lies in a store ends in one error of the library, within bounded memory and time.

Memory is what the interpreter allocates (tracemalloc), time the bytes that are read: neither
depends on how busy the machine is.
"""

from __future__ import annotations

import copy
import gzip
import hashlib
import itertools
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from resilience.backup.catalog.catalog import opened, snapshots
from resilience.backup.catalog.velero_check import require_intact
from resilience.backup.catalog.verify import verify
from resilience.backup.format import layout, limited
from resilience.backup.format.archive import header
from resilience.backup.format.archive_reader import begun_here, entries, inflate
from resilience.backup.format.errors import BackupError, BadArchive, Tampered
from resilience.backup.format.sign import seal
from resilience.backup.plans.cli_output import row, shown
from resilience.backup.proof.compare import with_cluster
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.cluster.interface import Object
from tests.backup.catalog.test_verify import stored
from tests.backup.drills.test_velero_drills import NAME, SIDES, WHOLE, backup
from tests.backup.fakes import FakeClock, FakeCluster, config_map, deployment, shop
from tests.backup.format.test_velero import body, path, tarball

MiB = 1 << 20


def all_of_it(store: MemoryStore, name: str) -> None:
    """Everything that the commands do with a snapshot; only errors of the library come out."""
    _tried(store, name, _list, _show, _restore, _compare)


def _tried(store: MemoryStore, name: str, *acts: Callable[[MemoryStore, str], None]) -> None:
    for act in acts:
        try:
            act(store, name)
        except BackupError as problem:
            assert str(problem)  # noqa: PT017 - a good end is as right as an error


def _list(store: MemoryStore, name: str) -> None:
    for each in snapshots(store):
        row(opened(store, each.name))


def _show(store: MemoryStore, name: str) -> None:
    shown(opened(store, name))


def _restore(store: MemoryStore, name: str) -> None:
    snapshot = opened(store, name)
    require_intact(snapshot)
    restore(RestoreRequest(name="r"), snapshot, FakeCluster(), clock=FakeClock())


def _compare(store: MemoryStore, name: str) -> None:
    with_cluster(opened(store, name), shop())


def peak(act: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


WRONG: list[Any] = [
    None,
    7,
    -1,
    1e300,
    True,
    "z",
    "\ud800",
    "..",
    "a/b",
    [],
    [1, 2],
    ["x"],
    [{}],
    [[]],
    {},
    {"v1/Namespace": 7},
    {"x": [None]},
    {"x": {}},
]


def pointers(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from pointers(child, (*at, key))


def mutated(value: Any, at: tuple[Any, ...], wrong: Any) -> Any:
    if not at:
        return wrong
    changed = copy.deepcopy(value)
    holder = changed
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = wrong
    return changed


def replaced(store: MemoryStore, key: str, data: bytes) -> MemoryStore:
    store.files[key] = data
    return store


@pytest.mark.parametrize("key", ["velero-backup.json", "-resource-list", *SIDES["kopia"]])
def test_wrong_types_anywhere_in_a_document_of_velero_s(key: str) -> None:
    store = backup(WHOLE, sides={**SIDES["kopia"], **SIDES["data mover"], **SIDES["CSI to 1.16"]})
    full = next(each for each in store.files if key in each)
    whole = store.files[full]
    document = json.loads(gzip.decompress(whole) if full.endswith(".gz") else whole)
    for at in pointers(document):
        for wrong in WRONG:
            data = json.dumps(mutated(document, at, wrong)).encode()
            all_of_it(
                replaced(store, full, gzip.compress(data, 1) if full.endswith(".gz") else data),
                NAME,
            )


def with_claims(workload: Object) -> Object:
    """The same as a StatefulSet with a claim for each Pod."""
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    spec = {**workload["spec"], "serviceName": "w", "volumeClaimTemplates": [claim]}
    return {**workload, "kind": "StatefulSet", "spec": spec}


KINDS: list[tuple[str, Object]] = [
    ("configmaps", config_map("c")),
    (
        "deployments.apps",
        deployment("d", volumes=[{"name": "s", "secret": {"secretName": "password"}}]),
    ),
    ("statefulsets.apps", with_claims(deployment("w", volumes=[{"name": "s", "emptyDir": {}}]))),
    (
        "services",
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "s",
                "namespace": "shop",
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u", "controller": True}
                ],
                "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
            },
            "spec": {
                "type": "LoadBalancer",
                "clusterIPs": ["10.0.0.7"],
                "ports": [{"port": 80, "nodePort": 30080, "name": "http"}],
            },
        },
    ),
    (
        "pods",
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": "shop", "annotations": {"a": "b"}},
            "spec": {
                "containers": [{"name": "c", "volumeMounts": [{"name": "v"}]}],
                "volumes": [{"name": "v", "projected": {"sources": [{}]}}],
                "tolerations": [{"key": "k"}],
            },
            "status": {"phase": "Running"},
        },
    ),
    (
        "jobs.batch",
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "j", "namespace": "shop"},
            "spec": {
                "selector": {"matchLabels": {"controller-uid": "x"}},
                "template": {"metadata": {"labels": {"job-name": "j"}}},
            },
            "status": {"conditions": [{"type": "Complete", "status": "False"}]},
        },
    ),
    (
        "persistentvolumeclaims",
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "v", "namespace": "shop"},
            "spec": {"volumeName": "pv", "dataSource": {"kind": "X", "name": "x"}},
        },
    ),
    (
        "rolebindings.rbac.authorization.k8s.io",
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "r", "namespace": "shop"},
            "subjects": [{"kind": "ServiceAccount", "name": "x", "namespace": "shop"}],
        },
    ),
    (
        "ingresses.networking.k8s.io",
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "i", "namespace": "shop"},
            "spec": {"rules": [{"host": "h"}], "tls": [{"hosts": ["h"]}]},
        },
    ),
    (
        "persistentvolumes",
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "pv"},
            "spec": {
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": "shop", "name": "v", "uid": "u"},
            },
        },
    ),
]


@pytest.mark.parametrize(("kind", "obj"), KINDS, ids=[kind for kind, _ in KINDS])
def test_wrong_types_anywhere_in_an_object(kind: str, obj: Object) -> None:
    for at in pointers(obj):
        for wrong in WRONG:
            changed = mutated(obj, at, wrong)
            store = MemoryStore()
            backup([("namespaces", WHOLE[0][1])], store=store)
            del store.files[f"backups/{NAME}/{NAME}-resource-list.json.gz"]
            files = {path(kind, obj): body(changed)}
            replaced(store, f"backups/{NAME}/{NAME}.tar.gz", tarball(files))
            _tried(store, NAME, _restore, _compare)


_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5),
    lambda children: (
        some.lists(children, max_size=3)
        | some.dictionaries(
            some.sampled_from(["metadata", "spec", "status", "name", "x"]), children
        )
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(found=_JSON, which=some.sampled_from(["velero-backup.json", "-resource-list", ".tar.gz"]))
def test_any_json_in_any_place(found: Any, which: str) -> None:
    store = backup(WHOLE)
    full = next(each for each in store.files if each.endswith(which) or which in each)
    data = json.dumps(found).encode()
    if which == ".tar.gz":
        data = tarball({path("configmaps", config_map("c")): data})
    elif full.endswith(".gz"):
        data = gzip.compress(data, 1)
    all_of_it(replaced(store, full, data), NAME)


@pytest.mark.parametrize("made", [lambda: (stored(), "one"), lambda: (backup(), NAME)])
def test_mutations_of_stored_bytes_give_no_traceback(
    made: Callable[[], tuple[MemoryStore, str]],
) -> None:
    chance = random.Random(20261128)
    store, name = made()
    whole = dict(store.files)
    keys = [key for key in whole if key.startswith("backups/")]
    for _ in range(300):
        key = chance.choice(keys)
        data = bytearray(whole[key])
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(0, 9)] = chance.randbytes(chance.randrange(0, 9))
        all_of_it(replaced(store, key, bytes(data)), name)
        raw = key.endswith((".tar.gz", ".jsonl.gz"))
        if raw:  # the bytes below the compression, so that more than its checksum is reached
            inner = bytearray(gzip.decompress(whole[key]))
            at = chance.randrange(len(inner))
            inner[at : at + 4] = chance.randbytes(chance.randrange(0, 5))
            all_of_it(replaced(store, key, gzip.compress(bytes(inner), 1)), name)
        store.files[key] = whole[key]


def endless(block: bytes, counted: list[int]) -> Iterator[bytes]:
    """A gzip stream of that block without an end."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    for _ in itertools.count():
        data = deflate.compress(block) + deflate.flush(zlib.Z_SYNC_FLUSH)
        counted[0] += len(data)
        yield data


def test_a_bomb_of_gzip_ends_by_what_it_read() -> None:
    counted = [0]

    def act() -> None:
        with pytest.raises(BadArchive, match="expands to more than"):
            for _ in inflate(endless(bytes(MiB), counted), most=32 * MiB):
                pass

    assert peak(act) < 8 * MiB
    assert counted[0] < MiB


class Endless(MemoryStore):
    """One key whose content never ends."""

    def __init__(self, store: MemoryStore, key: str, block: bytes, *, packed: bool) -> None:
        super().__init__()
        self.files, self._modified = store.files, store._modified
        self._key, self._block, self._packed = key, block, packed
        self.counted = [0]

    def stream(self, key: str, version: str = "") -> Iterator[bytes]:
        if key != self._key:
            yield self.files[key]
        elif self._packed:
            yield from endless(self._block, self.counted)
        else:
            for _ in itertools.count():
                self.counted[0] += len(self._block)
                yield self._block

    def read(self, key: str, version: str = "") -> bytes:
        return b"".join(self.stream(key, version))


SMALL_LIMIT = 4 * MiB


@pytest.mark.parametrize(
    ("which", "block", "packed"),
    [
        ("marker", b" " * 65536, False),
        ("manifest", b"[" * 65536, False),
        ("signature", b"sha256 " * 9000, False),
        ("objects", b"x" * 65536, True),
        ("objects", b"{}\n" * 9000, True),
        ("archive", bytes(65536), True),
        ("archive", b"x" * 65536, True),
    ],
)
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "velero"])
def test_a_document_without_an_end_is_given_up(
    which: str, block: bytes, packed: bool, ours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited, "LARGE", SMALL_LIMIT)
    name = "one" if ours else NAME
    store = stored() if ours else backup()
    key = getattr(layout, which)(name)
    if key not in store.files:
        return
    hostile = Endless(store, key, block, packed=packed)
    assert peak(lambda: all_of_it(hostile, name)) < 40 * MiB
    assert hostile.counted[0] < 60 * MiB


@pytest.mark.parametrize("side", ["resource-list", "volumeinfo", "podvolumebackups"])
def test_a_side_file_that_expands_without_an_end_is_given_up(
    side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited, "LARGE", SMALL_LIMIT)
    store = backup(sides={"volumeinfo": [], "podvolumebackups": []})
    hostile = Endless(store, f"backups/{NAME}/{NAME}-{side}.json.gz", b" " * 65536, packed=True)
    assert peak(lambda: all_of_it(hostile, NAME)) < 40 * MiB


def test_the_limits_are_what_the_smallest_helper_has_room_for() -> None:
    """A CronJob has 512 MiB; a document takes a small multiple of its limit."""
    assert 64 * MiB >= limited.LARGE
    assert 4 * MiB >= limited.MARKER
    with pytest.raises(ValueError, match="more than 2000000 values"):
        limited.parsed(b"[" + b"[]," * 2_000_000 + b"1]")
    packed = b"[" + b"[]," * 90_000 + b"1]"
    assert 10 * peak(lambda: limited.parsed(packed)) < 200 * MiB


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 5000, b"[" * 300 + b"]" * 300])
def test_json_that_is_nested_too_deep_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="nested"):
        limited.parsed(data)


@pytest.mark.parametrize("data", [b"NaN", b"[Infinity]", b"\xff", b"", b"1" * 5000, b'"\n"'])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        limited.parsed(data)


@pytest.mark.parametrize("size", [b"-0000001000\0", b"0x100000000\0", b"1_000\0\0\0\0\0\0\0"])
def test_a_size_that_is_no_octal_number_never_takes_the_reader_back(size: bytes) -> None:
    raw = bytearray(header("resources/pods/cluster/a.json", 600) + bytes(1024))
    raw[124:136] = size
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    with pytest.raises(BadArchive, match="a tar header is damaged"):
        list(entries([gzip.compress(bytes(raw))]))


def test_many_empty_gzip_members_cost_no_more_than_their_bytes() -> None:
    member = gzip.compress(b"", mtime=0)
    many = member * (MiB // len(member))
    assert b"".join(inflate([many])) == b""
    assert not begun_here([many])


def test_a_pax_header_of_many_records_is_read_in_one_pass() -> None:
    record = b"8 aa=bb\n"
    content = record * 100_000
    raw = header("x", len(content))
    raw = raw[:156] + b"x" + raw[157:]
    raw = raw[:148] + b" " * 8 + raw[156:]
    raw = raw[:148] + b"%06o\0 " % sum(raw[:512]) + raw[156:]
    whole = raw + content + bytes(-len(content) % 512) + bytes(1024)
    assert list(entries([gzip.compress(whole)])) == []


def test_an_unsigned_list_of_objects_with_one_endless_line_is_refused_in_one_pass() -> None:
    store = stored(signer=None)
    key = layout.objects("one")
    store.files[key] = gzip.compress(b"x" * (20 * MiB), 1)
    manifest = json.loads(store.files[layout.manifest("one")])
    for each in manifest["files"]:
        if each["key"] == key:
            each["size"] = len(store.files[key])
            each["sha256"] = hashlib.sha256(store.files[key]).hexdigest()
    data = json.dumps(manifest).encode()
    store.files[layout.manifest("one")] = data
    store.files[layout.signature("one")] = seal(data, None).encoded()
    found = verify(opened(store, "one")).findings
    assert any("a line without end" in each for each in found)
    with pytest.raises(Tampered, match="a line without end"):
        list(opened(store, "one").contents)
