"""A sandbox, and each kubectl there is to type at it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.kubectl import FOUND, ROOT, WEB, Kubectl
from tests.spaces import fresh


@pytest.fixture(scope="package")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A sandbox of three nodes for all tests of this folder."""
    file = tmp_path_factory.mktemp("sandbox") / "kubeconfig"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "resilience.sandbox",
            "up",
            "--owner-stdin",
            "--kubeconfig",
            str(file),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the sandbox did not start"
    yield Path(json.loads(line)["kubeconfig"])
    process.communicate(timeout=120)


@pytest.fixture(params=FOUND or ["kubectl"], ids=lambda path: Path(path).name)
def kubectl(request: pytest.FixtureRequest, kubeconfig: Path, tmp_path: Path) -> Iterator[Kubectl]:
    if not FOUND:
        pytest.skip("no kubectl on this machine")
    namespace = fresh("typed")
    bound = Kubectl(request.param, kubeconfig, namespace, tmp_path)
    bound("create", "namespace", namespace)
    yield bound
    bound("delete", "namespace", namespace, "--wait=false")


@pytest.fixture
def web(kubectl: Kubectl) -> Kubectl:
    kubectl("apply", "-f", "-", stdin=WEB)
    kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    return kubectl
