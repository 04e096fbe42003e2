"""Two sandboxes under one kubeconfig, as the clusters of a fleet, and one that does not answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from resilience.cluster import connect
from resilience.cluster.access.embedded import Embedded, sandbox
from resilience.cluster.interface import PODS
from tests.harness.sandboxed import DEADLINE, POD, is_ready

SILENT = "https://127.0.0.1:9"
"""Nothing listens on the discard port."""


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[Mapping[str, Embedded]]:
    """Two clusters, each with a Pod that is ready."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(sandbox(nodes=1)) for name in ("eu", "us")}
        for embedded in found.values():
            with connect(embedded.access) as cluster, cluster.view(PODS, "default") as pods:
                cluster.create(PODS, POD, "default")
                assert pods.wait(lambda seen: bool(seen) and is_ready(seen[0]), DEADLINE)
        yield found


@pytest.fixture(scope="session")
def kubeconfig(sandboxes: Mapping[str, Embedded], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Contexts `eu`, `us`, `eu-again` (the same cluster as `eu`) and `gone`."""
    path = tmp_path_factory.mktemp("fleet") / "config"
    path.write_text(yaml.safe_dump(merged(sandboxes)))
    return path


def merged(sandboxes: Mapping[str, Embedded]) -> dict[str, Any]:
    """One kubeconfig with all contexts."""
    whole: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    whole |= {"contexts": [], "clusters": [], "users": []}
    for name, embedded in sandboxes.items():
        one = yaml.safe_load(embedded.kubeconfig.read_text())
        for kind in ("clusters", "users"):
            [entry] = one[kind]
            whole[kind].append({**entry, "name": name})
    gone = deepcopy(whole["clusters"][0])
    whole["clusters"].append({"name": "gone", "cluster": {**gone["cluster"], "server": SILENT}})
    for name, cluster, user in (
        ("eu", "eu", "eu"), ("us", "us", "us"), ("eu-again", "eu", "eu"), ("gone", "gone", "eu"),
    ):  # fmt: skip
        whole["contexts"].append({"name": name, "context": {"cluster": cluster, "user": user}})
    return whole


@pytest.fixture
def fleet(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Inner runs find the contexts."""
    monkeypatch.setenv("RESILIENCE_KUBECONFIG", str(kubeconfig))
    return kubeconfig
