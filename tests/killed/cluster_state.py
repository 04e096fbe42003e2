"""What a cluster holds that is someone's wish, before and after."""

from __future__ import annotations

import time
from pathlib import Path

from resilience.cluster.interface import CLAIMS, CONFIGMAPS, NAMESPACES, NODES, PODS, SECRETS
from resilience.cluster.transport import HttpCluster
from resilience.kube import objects
from tests.actions.network.chaosmesh import KIND
from tests.commands.test_killed_backup import held
from tests.engine.journal import test_kill_nine as subject
from tests.engine.journal.test_undo import JOURNAL
from tests.killed.cases import COPY, DISK, VOLUMES

SETTLED = 90.0
"""Seconds within which what was deleted is gone."""


def prepare(cluster: HttpCluster, folder: Path) -> None:
    """Workloads to break, and a volume with 40 MB to back up."""
    cluster.create(NAMESPACES, {"metadata": {"name": JOURNAL}})
    subject._make_subject(cluster, folder)
    for node in ("node-1", "node-2"):
        cluster.patch(NODES, node, {"metadata": {"labels": {"test/zone": "there"}}})
    held(cluster, VOLUMES)
    subject._settled(cluster)


def state(cluster: HttpCluster) -> list[str]:
    """The subject and the nodes, all namespaces, and whatever is marked as ours."""
    found = subject.dump(cluster)
    for resource in (PODS, SECRETS, CONFIGMAPS):
        ours = f"{objects.MANAGED_BY}={objects.OURS}"
        found += [f"{resource.kind} {objects.title(each)} of ours"
                  for each in cluster.list(resource, labels=ours)]  # fmt: skip
    found += [f"claim {objects.title(each)}" for each in cluster.list(CLAIMS)
              if objects.namespace(each) != COPY]  # fmt: skip
    found += [f"NetworkChaos {objects.title(each)}" for each in cluster.list(KIND)]
    return sorted(found)


def differences(cluster: HttpCluster, before: list[str], folder: Path) -> str:
    """What is more or less than before, once nothing moves any more; "" for nothing."""
    end = time.monotonic() + SETTLED
    subject._settled(cluster)
    while (now := state(cluster)) != before and time.monotonic() < end:
        time.sleep(0.5)
    more = [f"+ {each}" for each in now if each not in before]
    less = [f"- {each}" for each in before if each not in now]
    files = [f"+ {file.name}" for file in (folder / DISK / "journal").glob("*.jsonl")]
    return "; ".join([*more, *less, *files])
