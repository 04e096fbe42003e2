"""Numbers of the backup library, side by side with the raw work in one run: `make bench-backup`.

    snapshot    10,000 ConfigMaps of 1.5 kB against paged LIST + one PUT of the same bytes
    memory      peak of a process that does nothing else, imports included, 10,000 and 100,000
    restore     10,000 creates against the raw create rate with the same workers
    verify      MB/s of uncompressed objects, against inflating and hashing the archive alone

The cluster is the embedded sandbox, the store moto's S3 server; both are processes beside this one.
100,000 objects come from a made-up cluster inside of the measured process, page by page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import Row, median_of, milliseconds, seconds
from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.data.container_stream import ClusterExec
from resilience.backup.data.volumes import TarVolumes
from resilience.backup.format.backup_clock import SystemClock
from resilience.backup.objects.mapping import Targets
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.s3 import S3Store
from resilience.backup.store.s3_client import S3Settings
from resilience.backup.store.snapshot_files import Files
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.interface import CLAIMS, CONFIGMAPS, NAMESPACES, Cluster, Object
from tests.backup.fakes import FakeCluster
from tests.backup.servers import KEYS, moto

COUNT = 10_000
WORKERS = 32
VOLUME_FILES = 256
"""Of 4 MiB each."""

ROUNDS = 3
CLOCK = SystemClock()


def config_map(number: int, namespace: str = "bench") -> Object:
    """1.5 kB, half of it not compressible."""
    chance = random.Random(number)
    text = base64.b64encode(chance.randbytes(450)).decode() + "a=b\n" * 150
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "data": {"value": text},
        "metadata": {"name": f"cm-{number:06}", "namespace": namespace},
    }


@contextmanager
def sandbox() -> Iterator[Cluster]:
    """An embedded cluster of one node."""
    from resilience import cluster
    from resilience.cluster.access.embedded import sandbox as embedded

    with embedded(nodes=1) as box, cluster.connect(box.access) as opened_cluster:
        yield opened_cluster


def fill(cluster: Cluster, namespace: str) -> float:
    """Raw creates with the same workers; seconds."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    cluster.create(NAMESPACES, body)
    bodies = [config_map(number, namespace) for number in range(COUNT)]

    def all_of_them() -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(lambda body: cluster.create(CONFIGMAPS, body, namespace), bodies))

    return seconds(all_of_them)


def snapshot_row(cluster: Cluster, store: S3Store) -> Row:
    """Ours beside paged LIST + one PUT, in turns; medians."""
    ours, raw = [], []
    for number in range(ROUNDS):
        request = Request(name=f"bench-{number}", scope=Scope(namespaces=("bench",)))
        ours.append(seconds(partial(create, request, cluster, store, clock=CLOCK)))
        body = b"".join(opened(store, request.name).archive())
        raw.append(seconds(partial(raw_work, cluster, store, number, body)))
    mine, beside = statistics.median(ours), statistics.median(raw)
    return Row(
        what=f"snapshot of {COUNT:,} ConfigMaps of 1.5 kB into S3",
        measured=milliseconds(mine),
        reach="1.5 times",
        beside=f"paged LIST + one PUT of the same bytes {milliseconds(beside)}",
        ratio=mine / beside,
    )


def raw_work(cluster: Cluster, store: S3Store, number: int, body: bytes) -> None:
    """What no backup can do without."""
    for _ in cluster.pages(CONFIGMAPS, "bench"):
        pass
    store.put(f"plugins/resilience/bench-{number}", body)


class MadeUp(FakeCluster):
    """A cluster of so many ConfigMaps that exist only while a page of them is looked at."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.namespace("bench")

    def pages(self, resource: Any, namespace: str = "", **options: Any) -> Iterator[Object]:
        if resource.plural != "configmaps":
            yield from super().pages(resource, namespace, **options)
            return
        for at in range(0, self.count, 500):
            items = [config_map(number) for number in range(at, min(at + 500, self.count))]
            for item in items:
                item["metadata"] |= {
                    "uid": str(random.Random(item["metadata"]["name"]).random()),
                    "resourceVersion": "1",
                }
            yield {"metadata": {"resourceVersion": "100"}, "items": items}


def peak() -> float:
    """MB, of this program alone: getrusage would count the parent's memory from before exec."""
    with open("/proc/self/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return int(lines["VmHWM"].split()[0]) / 1024


def alone(count: int, endpoint: str) -> None:
    """Run in a process of its own: a snapshot into S3; prints seconds and peak memory."""
    cluster = MadeUp(count)
    settings = S3Settings(bucket="bench", prefix=str(count), endpoint=endpoint)
    request = Request(name="one", scope=Scope(namespaces=("bench",)), recheck=False)
    store = S3Store(settings, url="s3://bench")
    spent = seconds(lambda: create(request, cluster, store, clock=CLOCK))
    most = peak()
    making = seconds(lambda: [None for _ in cluster.pages(CONFIGMAPS, "bench")])
    print(json.dumps({"seconds": spent - making, "peak": most}))


def measured_alone(count: int, endpoint: str) -> dict[str, float]:
    """The same from outside."""
    command = [sys.executable, "-m", "benchmarks.backup", str(count), endpoint]
    found: dict[str, float] = json.loads(
        subprocess.run(command, check=True, capture_output=True, timeout=300).stdout
    )
    return found


def growth_rows(endpoint: str) -> Iterator[Row]:
    """10,000 and 100,000 objects, each in a process of its own."""
    small, large = measured_alone(10_000, endpoint), measured_alone(100_000, endpoint)
    yield Row(
        what="peak memory of a snapshot of 10,000, imports included",
        measured=f"{small['peak']:.0f} MB",
        reach="130 MB",
    )
    yield Row(
        what="100,000 objects instead of 10,000: more memory",
        measured=f"{large['peak'] - small['peak']:+.0f} MB",
        reach="+20 MB",
    )
    yield Row(
        what="100,000 objects instead of 10,000: time",
        measured=f"{large['seconds']:.2f} s",
        reach="1.10",
        beside=f"ten times {small['seconds']:.2f} s",
        ratio=large["seconds"] / small["seconds"] / 10,
    )


def restore_row(cluster: Cluster, store: S3Store) -> Row:
    """Ours beside raw creates of the same objects with the same workers."""
    raw = COUNT / fill(cluster, "bench-raw")
    request = RestoreRequest(
        name="bench",
        targets=Targets(namespaces={"bench": "bench-back"}),
        workers=WORKERS,
        ask_first=False,
    )
    snapshot = opened(store, "bench-0")
    mine = COUNT / seconds(lambda: restore(request, snapshot, cluster, clock=CLOCK))
    return Row(
        what=f"restore of {COUNT:,} objects without the dry run",
        measured=f"{mine:.0f}/s",
        reach="0.9",
        beside=f"raw creates {raw:.0f}/s",
        ratio=mine / raw,
    )


def verify_row(store: S3Store) -> Row:
    """Download included."""
    found = verify(opened(store, "bench-0"))
    found.require()
    spent = median_of(ROUNDS, lambda: seconds(lambda: verify(opened(store, "bench-0"))))
    packed = b"".join(opened(store, "bench-0").archive())
    limit = median_of(ROUNDS, lambda: seconds(partial(inflated, packed)))
    return Row(
        what="verify, by uncompressed objects",
        measured=f"{found.bytes / spent / 1e6:.0f} MB/s",
        reach="250 MB/s",
        beside=f"zlib and sha256 of the same archive alone {found.bytes / limit / 1e6:.0f} MB/s",
        ratio=limit / spent,
    )


def inflated(packed: bytes) -> None:
    """What no verification can do without, on one processor."""
    hashlib.sha256(packed).digest()
    zlib.decompress(packed, 31)


def volume_row(cluster: Cluster, store: S3Store) -> Row:
    """The whole way out of a Pod's volume, beside `tar` of the same files piped into the store."""
    exec_: Any = ClusterExec(cluster)  # type: ignore[arg-type]
    cluster.create(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench-volume"}}
    )
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}},
    }
    cluster.create(CLAIMS, claim, "bench-volume")
    tar = TarVolumes(cluster=cluster, exec=exec_, clock=CLOCK, name="bench-volume")
    fill_volume = (
        "import os\n"
        f"for n in range({VOLUME_FILES}):\n"
        "    open('/volume/%d' % n, 'wb').write(os.urandom(1 << 22))\n"
    )
    with tar.mounts.mounted("bench-volume", "data", writing=True) as pod:
        exec_.run("bench-volume", pod, "volume", ["python", "-c", fill_volume])
    size = VOLUME_FILES << 22
    mine = seconds(lambda: tar.take(Files(store), [("bench-volume", "data", "bound")]))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(VOLUME_FILES):
            Path(folder, str(number)).write_bytes(os.urandom(1 << 22))
        raw = seconds(lambda: tar_into(store, folder))
    return Row(
        what=f"a volume of {size >> 20} MiB by tar stream into S3",
        measured=f"{size / mine / 1e6:.0f} MB/s",
        reach="0.9",
        beside=f"tar | upload {size / raw / 1e6:.0f} MB/s",
        ratio=raw / mine,
    )


def tar_into(store: S3Store, folder: str) -> None:
    """What a shell would do."""
    with subprocess.Popen(["tar", "-cf", "-", "."], cwd=folder, stdout=subprocess.PIPE) as tar:
        assert tar.stdout
        with store.upload("plugins/resilience/bench-tar") as upload:
            while block := tar.stdout.read(1 << 20):
                upload.write(block)
            upload.commit()


def measure() -> Iterator[Row]:
    """All of it."""
    os.environ.update(KEYS, AWS_DEFAULT_REGION="us-east-1")
    with moto() as endpoint, sandbox() as cluster:
        store = S3Store(S3Settings(bucket="bench", prefix="x", endpoint=endpoint), url="s3://bench")
        store.client.create_bucket(Bucket="bench")
        fill(cluster, "bench")
        yield snapshot_row(cluster, store)
        yield verify_row(store)
        yield restore_row(cluster, store)
        yield volume_row(cluster, store)
        yield from growth_rows(endpoint)


if __name__ == "__main__":
    alone(int(sys.argv[1]), sys.argv[2])
