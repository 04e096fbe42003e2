"""Every backup command, typed as a person types it, against the sandbox and a real application.

Each test has a namespace of its own. Waiting is for what happens, with a deadline.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import yaml

from resilience import cluster as room
from resilience.backup.catalog.catalog import snapshots
from resilience.backup.data.command_pods import serving
from resilience.backup.data.snapshot_clones import SNAPSHOTS
from resilience.backup.format import layout
from resilience.backup.store import open_store
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.interface import CLAIMS, CONFIGMAPS, NAMESPACES, PODS, Resource
from resilience.cluster.requests.command import Command
from resilience.cluster.requests.request import Request
from resilience.cluster.transport import HttpCluster
from resilience.kube.selectors import Selector
from tests.commands.test_backup_end_to_end import command, settle_deleted
from tests.spaces import fresh

NOTES = Path(__file__).parents[2] / "backups/manifests/notes.yaml"
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")

T = TypeVar("T")

PLAN = """\
plan: {name}
namespaces: [{name}]
store: file:../data
schedule: "0 0 1 1 *"
keep: {{last: 1}}
"""


class Desk:
    """A person at a machine: a directory to stand in, a cluster, a namespace."""

    def __init__(self, cluster: HttpCluster, kubeconfig: Path, home: Path, namespace: str) -> None:
        self.cluster, self.home, self.namespace = cluster, home, namespace
        self.environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words),
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def types(self, *words: object, code: int = 0) -> str:
        done = self.run(*words)
        assert done.returncode == code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return (code and done.stderr) or done.stdout

    def plan(self, more: str = "") -> Path:
        path = self.home / f"plans/{self.namespace}.plan.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(PLAN.format(name=self.namespace) + more)
        return path.relative_to(self.home)

    def apply(self, text: str) -> None:
        for body in yaml.safe_load_all(text):
            resource = self.cluster.resource(body["apiVersion"], body["kind"])
            self.cluster.create(resource, body, self.namespace)

    def told(self, app: str, *words: str) -> str:
        """What a command says in the Pod of an application, once that is ready."""
        out = bytearray()
        pod = until(lambda: serving(self.cluster, self.namespace, Selector.parse(f"app={app}")))
        command = Command(namespace=self.namespace, pod=pod["metadata"]["name"], words=words)
        ended = self.cluster.exec(command, stdout=out.extend, stderr=out.extend)
        assert ended.code == 0, out
        return out.decode()

    def names(self, store: str) -> list[str]:
        return [each.name for each in snapshots(open_store(store, base=self.home))]


def until(holds: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if found := holds():
            return found
        threading.Event().wait(0.02)
    raise AssertionError("it did not come about in three minutes")


@pytest.fixture(scope="module")
def box() -> Iterator[tuple[HttpCluster, Path]]:
    with sandbox(nodes=1) as embedded, room.connect(embedded.access) as cluster:
        yield cluster, embedded.kubeconfig


@pytest.fixture
def desk(box: tuple[HttpCluster, Path], tmp_path: Path) -> Desk:
    cluster, kubeconfig = box
    name = fresh("t")
    cluster.create(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    )
    return Desk(cluster, kubeconfig, tmp_path, name)


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "error", "code": 503, "times": 3},
        {"kind": "error", "code": 429, "retryAfter": 1, "times": 3},
        {"kind": "reset", "times": 3},
    ],
)
def test_an_api_server_that_is_in_trouble_for_a_moment_is_waited_for(
    desk: Desk, trouble: dict[str, object]
) -> None:
    faults, plan = "/sandbox/v1/faults/apiserver", desk.plan()
    desk.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}")
    body = {**trouble, "methods": ["GET"], "lasts": 60}
    try:
        desk.cluster.send(Request("POST", faults, body=body))
        desk.types("backup", "create", plan)
        (name,) = desk.names("file:data")
        desk.cluster.send(Request("POST", faults, body=body))
        desk.types("restore", name, "--store", "file:data", "--dry-run")
    finally:
        desk.cluster.send(Request("DELETE", faults))


def test_a_scheduled_run_names_what_it_does_not_continue(desk: Desk) -> None:
    plan = desk.plan()
    desk.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}")
    desk.types("backup", "create", plan, "--name", "cut")
    (desk.home / "data" / layout.marker("cut")).unlink()
    assert "warning: snapshot cut is unfinished" in desk.run("backup", "run", "--due", plan).stderr
    assert "unfinished" not in desk.run("backup", "run", "--due", plan).stderr  # nothing is due


def test_the_life_of_a_plans_snapshots_as_it_is_typed(desk: Desk) -> None:
    plan, name = desk.plan(), desk.namespace
    assert "file:data does not exist" in desk.types(
        "backup", "list", "--store", "file:data", code=1
    )
    desk.apply(NOTES.read_text())
    assert f"{name}: due since 2026-01-01 00:00 UTC" in desk.types("backup", "due", plan)
    words = command("backup", "run", "--due", plan)
    both = [
        subprocess.Popen(
            words,
            cwd=desk.home,
            env=desk.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [each.communicate(timeout=60) for each in both]
    assert [each.returncode for each in both] == [0, 0], told
    said = sorted(out for out, _ in told)
    assert sum(bool(re.search(rf"{name}-\d{{14}}: ", out)) for out in said) == 1
    assert sum("nothing due" in out or "left to another run" in out for out in said) == 1
    assert desk.types("backup", "due", plan) == f"{name}: nothing due\n"
    (first,) = desk.names("file:data")
    (row,) = json.loads(desk.types("backup", "list", "--store", "file:data", "--json"))
    assert (row["name"], row["kind"]) == (first, "ours")
    assert row["verified"]
    assert "1 deployments.apps in" in desk.types("backup", "show", first, "--store", "file:data")

    desk.cluster.patch(CONFIGMAPS, "notes", {"data": {"more": "text"}}, name)
    desk.types("backup", "create", plan)
    second = desk.names("file:data")[-1]
    assert "is what was written" in desk.types("backup", "verify", second, "--store", "file:data")
    changed = desk.types("backup", "diff", first, second, "--store", "file:data", code=1)
    assert '/data/more: added as "text"' in changed or "/data/more" in changed
    assert desk.types("backup", "diff", second, "--store", "file:data") == "nothing differs\n"

    assert desk.types("backup", "prune", plan, "--dry-run") == f"{first}: would be deleted\n"
    assert desk.names("file:data") == [first, second]
    assert desk.types("backup", "prune", plan) == f"{first}: deleted\n"
    assert desk.types("backup", "prune", plan) == f"{name}: nothing to delete\n"
    assert "copied to file:other" in desk.types(
        "backup", "copy", second, "--store", "file:data", "--to", "file:other"
    )
    assert desk.names("file:other") == [second]
    assert "is what was written" in desk.types("backup", "verify", second, "--store", "file:other")


def test_the_runbook_is_followed_to_the_letter(desk: Desk) -> None:
    plan = desk.plan()
    desk.apply(NOTES.read_text())
    assert desk.told("notes", "python", "/app/notes.py", "last")
    desk.types("backup", "create", plan, "--volumes")
    runbook = desk.types("runbook", plan)
    assert str(desk.home) not in runbook
    (name,) = desk.names("file:data")
    settle_deleted(desk.cluster, desk.namespace)
    context = json.loads(
        subprocess.run(
            ["kubectl", "config", "view", "-o", "json"],
            env=desk.environment,
            capture_output=True,
            check=True,
        ).stdout
    )["current-context"]
    steps = [line.strip() for line in runbook.splitlines() if line.startswith("       ")]
    assert len(steps) == 7
    for step in steps:
        done = subprocess.run(
            ["sh", "-c", step.replace("NAME", name).replace("CONTEXT", context)],
            cwd=desk.home,
            env=desk.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"
        if " diff " in step:
            assert done.stdout == "nothing differs\n"
    assert desk.told("notes", "python", "/app/notes.py", "last").startswith("write it down")


def test_a_snapshot_is_deleted_only_where_that_is_confirmed(desk: Desk) -> None:
    desk.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}")
    desk.types("backup", "create", "-n", desk.namespace, "--name", "gone", "--store", "file:data")
    words = ("backup", "delete", "gone", "--store", "file:data")
    assert "add --confirm" in desk.types(*words, code=1)
    assert "would be deleted" in desk.types(*words, "--dry-run")
    assert desk.names("file:data") == ["gone"]
    latest = ("backup", "delete", "latest", "--store", "file:data", "--confirm")
    assert "'latest' is not the name of a snapshot; it means gone now" in desk.types(
        *latest, code=1
    )
    assert desk.types(*words, "--confirm") == "gone: deleted\n"
    assert desk.names("file:data") == []


def test_a_list_says_when_a_snapshot_began_and_of_what_it_is(desk: Desk) -> None:
    desk.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}")
    desk.types("backup", "create", "-n", desk.namespace, "--name", "one", "--store", "file:data")
    wide = desk.types("backup", "list", "--store", "file:data", "-o", "wide").splitlines()
    assert wide[0].split()[:2] == ["NAME", "STARTED"]
    assert desk.namespace in wide[1]
    [row] = yaml.safe_load(desk.types("backup", "list", "--store", "file:data", "-o", "yaml"))
    assert (row["name"], row["namespaces"]) == ("one", [desk.namespace])


def test_two_snapshots_begun_in_one_second_are_two_snapshots(desk: Desk) -> None:
    desk.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}")
    words = command("backup", "create", "-n", desk.namespace, "--store", "file:data")
    both = [
        subprocess.Popen(words, cwd=desk.home, env=desk.environment, stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [each.wait(60) for each in both] == [0, 0]
    names = desk.names("file:data")
    assert len(set(names)) == 2
    for name in names:
        desk.types("backup", "verify", name, "--store", "file:data")


ORDERS = '''
apiVersion: v1
kind: ConfigMap
metadata: {name: orders}
data:
  orders.py: |
    """A real database, SQLite: `fill N`, `rows`, `dump` and `load` on the command line."""
    import http.server, os, sqlite3, sys

    db = sqlite3.connect(os.path.join(os.environ["DATA"], "orders.db"))

    def serve():
        db.execute("create table if not exists orders (id integer primary key, what, cents)")
        db.commit()
        http.server.HTTPServer(("", 8080), http.server.BaseHTTPRequestHandler).serve_forever()

    def fill(count):
        with db:
            for number in range(int(count)):
                row = (f"thing {number} \\u00fc", number * 7)
                db.execute("insert into orders (what, cents) values (?, ?)", row)

    def rows():
        for row in db.execute("select * from orders order by id"):
            print(*row, sep="\\t")

    def dump():
        for line in db.iterdump():
            print(line)

    def load():
        text = sys.stdin.read()
        db.executescript("drop table if exists orders;" + text)

    acts = {"serve": serve, "fill": fill, "rows": rows, "dump": dump, "load": load}
    acts[sys.argv[1]](*sys.argv[2:])
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders}
spec:
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: db
          image: python:3.12-alpine
          command: [python, /app/orders.py, serve]
          env: [{name: DATA, value: /data}]
          readinessProbe:
            tcpSocket: {port: 8080}
            periodSeconds: 1
          volumeMounts: [{name: app, mountPath: /app}, {name: data, mountPath: /data}]
      volumes:
        - {name: app, configMap: {name: orders}}
        - {name: data, emptyDir: {}}
'''


def test_a_database_that_was_lost_has_every_row_again(desk: Desk) -> None:
    plan = desk.plan(
        """\
dumps:
  - name: orders
    pods: app=orders
    take: [python, /app/orders.py, dump]
    load: [python, /app/orders.py, load]
"""
    )
    desk.apply(ORDERS)
    desk.told("orders", "python", "/app/orders.py", "fill", "2000")
    rows = desk.told("orders", "python", "/app/orders.py", "rows")
    assert len(rows.splitlines()) == 2000
    desk.types("backup", "create", plan)
    (name,) = desk.names("file:data")
    desk.told("orders", "python", "/app/orders.py", "fill", "1")
    told = desk.types("restore", name, "--store", "file:data", "--dry-run")
    assert "dump" not in told  # all objects are there and equal
    assert len(desk.told("orders", "python", "/app/orders.py", "rows").splitlines()) == 2001
    frozen = {"immutable": True, "data": {"x": "y"}}
    desk.cluster.patch(CONFIGMAPS, "orders", frozen, desk.namespace)
    done = desk.run("restore", name, "--store", "file:data", "--existing", "update")
    assert done.returncode == 1
    assert "no dump was loaded: not everything is restored" in done.stdout
    assert "configmaps/orders leaves it as it is" in done.stderr
    assert len(desk.told("orders", "python", "/app/orders.py", "rows").splitlines()) == 2001
    settle_deleted(desk.cluster, desk.namespace)
    told = desk.types("restore", name, "--store", "file:data")
    assert f"dump orders into {desk.namespace}: " in told
    assert desk.told("orders", "python", "/app/orders.py", "rows") == rows


def test_a_lost_claim_comes_back_from_the_cluster_itself(desk: Desk) -> None:
    plan = desk.plan("volumes: {from: snapshot, local: 1}\n")
    desk.apply(NOTES.read_text())
    desk.told("notes", "python", "-c", "open('/notes/notes.txt', 'a').write('kept for later\\n')")
    desk.types("backup", "create", plan)
    (name,) = desk.names("file:data")
    shown = desk.types("backup", "show", name, "--store", "file:data")
    assert "lost together with its storage" in shown
    assert f"volume {desk.namespace}/notes: " in shown
    assert [each["metadata"]["name"] for each in desk.cluster.list(CLAIMS, desk.namespace)] == [
        "notes"
    ]
    assert len(desk.cluster.list(SNAPSHOTS, desk.namespace)) == 1

    desk.cluster.delete(DEPLOYMENTS, "notes", desk.namespace)
    desk.cluster.delete(CLAIMS, "notes", desk.namespace)
    until(lambda: not desk.cluster.list(CLAIMS, desk.namespace) or None)
    until(lambda: not desk.cluster.list(PODS, desk.namespace) or None)
    desk.types("restore", name, "--store", "file:data", "--local")
    assert desk.told("notes", "python", "/app/notes.py", "last") == "kept for later\n"
    claim = desk.cluster.get(CLAIMS, "notes", desk.namespace)
    assert claim["spec"]["dataSource"]["kind"] == "VolumeSnapshot"


@pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed")
def test_restic_keeps_what_is_equal_once(desk: Desk) -> None:
    desk.environment |= {
        "RESTIC_PASSWORD": "kept out of sight",
        "RESTIC_CACHE_DIR": str(desk.home / "cache"),
    }
    plan = desk.plan("volumes: true\nengine: restic\n")
    desk.apply(NOTES.read_text())
    grow = "import os; open('/notes/large', 'wb').write(os.urandom(3_000_000))"
    desk.told("notes", "python", "-c", grow)
    for name in ("one", "two"):
        assert "kept out of sight" not in desk.types("backup", "create", plan, "--name", name)
    kept = sum(
        each.stat().st_size
        for each in (desk.home / "data/plugins/resilience/restic/data").rglob("*")
        if each.is_file()
    )
    assert 3_000_000 < kept < 4_500_000
    assert ", kept by restic" in desk.types("backup", "show", "two", "--store", "file:data")
    into = f"{desk.namespace}-copy"
    desk.types("restore", "two", "--store", "file:data", "--into", into)
    there = Desk(desk.cluster, Path(desk.environment["KUBECONFIG"]), desk.home, into)
    length = "import os; print(os.path.getsize('/notes/large'))"
    assert there.told("notes", "python", "-c", length) == "3000000\n"
