"""A sandbox with ServiceAccounts of few rights, and pytest runs in their names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from resilience.cluster import connect
from resilience.cluster.access.access import plain
from resilience.cluster.access.embedded import Embedded, sandbox
from resilience.cluster.errors import Conflict
from resilience.cluster.interface import Object
from resilience.cluster.requests.request import Request
from resilience.cluster.transport import HttpCluster

ROOT = Path(__file__).parents[1]
ENDED_AFTER = 300.0

KILL = """\
scenario: checkout loses one Pod
namespace: shop
settle: 1s
given:
  - apply: checkout.yaml
  - ready: deployment/checkout
while:
  - http: {service: checkout, port: http, path: /hostname, via: direct}
    rate: 10/s
    objective: {availability: 80%}
when:
  - kill: {pods: app=checkout, count: 1}
  - ready: deployment/checkout
then:
  - recovered: {}
    within: 30s
  - restarts: {pods: app=checkout, at_most: 0}
"""


@pytest.fixture(scope="module")
def embedded() -> Iterator[Embedded]:
    with sandbox(nodes=3) as running:
        yield running


@pytest.fixture(scope="module")
def admin(embedded: Embedded) -> Iterator[HttpCluster]:
    with connect(embedded.access) as cluster:
        yield cluster


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one scenario."""
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    (tmp_path / "kill.scenario.yaml").write_text(KILL)
    manifest = (ROOT / "scenarios/manifests/checkout.yaml").read_text()
    (tmp_path / "checkout.yaml").write_text(manifest)
    return tmp_path


def resilience(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command."""
    return called(folder, "-m", "resilience", *arguments)


def scenarios(folder: Path, kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest with a kubeconfig."""
    named = ["-m", "pytest", f"--resilience-kubeconfig={kubeconfig}", "-p", "no:cacheprovider"]
    return called(folder, *named, *arguments)


def called(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=ENDED_AFTER, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def printed(folder: Path, *arguments: str) -> str:
    """What the command prints for a pipe, without its notes."""
    words = [sys.executable, "-m", "resilience", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=folder, text=True, stdout=subprocess.PIPE, check=True,
                          timeout=ENDED_AFTER, env=environment).stdout  # fmt: skip


def applied(admin: HttpCluster, text: str) -> list[Object]:
    """As `kubectl create` does; what is there already is left."""
    objects = list(yaml.safe_load_all(text))
    for each in objects:
        resource = admin.resource(each["apiVersion"], each["kind"])
        try:
            admin.create(resource, each)
        except Conflict:
            continue
    return objects


def deleted(admin: HttpCluster, objects: Sequence[Object]) -> None:
    """Those roles and bindings."""
    for each in objects:
        if each["kind"].endswith(("Role", "RoleBinding")):
            resource = admin.resource(each["apiVersion"], each["kind"])
            meta = each["metadata"]
            admin.delete(resource, meta["name"], meta.get("namespace", ""))


def account(
    admin: HttpCluster, embedded: Embedded, folder: Path, name: str, namespace: str
) -> Path:
    """A kubeconfig for a ServiceAccount of that sandbox."""
    return in_the_name_of(admin, embedded.kubeconfig, folder, name, namespace)


def in_the_name_of(
    admin: HttpCluster, kubeconfig: Path, folder: Path, name: str, namespace: str
) -> Path:
    """The same kubeconfig for a ServiceAccount, by a TokenRequest."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = admin.send(Request("POST", path, body=body))["status"]["token"]
    config = yaml.safe_load(kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": token}
    file = folder / f"{name}.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def opened(kubeconfig: Path) -> HttpCluster:
    """As whoever the file names."""
    access = plain(kubeconfig)
    assert access is not None
    return connect(access)
