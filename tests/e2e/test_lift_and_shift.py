"""A backup of one cluster, proven on another: two sandboxes that share nothing but a store."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from resilience.cluster import connect
from resilience.cluster.access.embedded import Embedded, sandbox
from resilience.cluster.interface import NAMESPACES
from resilience.cluster.transport import HttpCluster
from tests.real_cluster import admin, embedded, resilience

__all__ = ["admin", "embedded"]

PLAN = Path("backups/lift-and-shift.plan.yaml")


def test_what_was_backed_up_here_is_proven_there(
    embedded: Embedded, admin: HttpCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = ("--kubeconfig", str(embedded.kubeconfig))
    made = resilience(tmp_path, "run", "--library", "lift-and-shift", *old)
    assert "3 passed" in made.stdout, made.stdout
    plan = tmp_path / PLAN
    without_given, count = re.subn(r"(?ms)^given:.*?(?=^store:)", "", plan.read_text())
    assert count == 1
    plan.write_text(without_given)
    with sandbox(nodes=1) as other, connect(other.access) as cluster:
        new = ("--kubeconfig", str(other.kubeconfig))
        foreign = resilience(tmp_path, "run", str(PLAN), *new)
        assert "it is of another cluster" in foreign.stdout, foreign.stdout
        assert "source_cluster" in foreign.stdout
        uid = admin.get(NAMESPACES, "kube-system")["metadata"]["uid"]
        monkeypatch.setenv("OLD_CLUSTER", uid)
        shifted = resilience(tmp_path, "run", str(PLAN), *new)
        assert "3 passed" in shifted.stdout, shifted.stdout
        assert "everything in library-moving-drill matches snapshot" in shifted.stdout
        left = {each["metadata"]["name"] for each in cluster.list(NAMESPACES)}
        assert not {name for name in left if name.startswith("library")}
