"""`fresh` and `intact` read a store and act on nothing: no window, blackout or missing consent
stands in their way, while a drill is refused for each. Recorded on the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.cluster.interface import NAMESPACES
from resilience.cluster.transport import HttpCluster
from tests.engine.guard.test_one_door import (
    JOURNAL,
    TARGET,
    command,
    project,
    run,
    there,
    writes,
)

__all__ = ["project", "there"]

PLAN = """
plan: nightly
namespaces: [shop]
store: file:./store
objective: {rpo: 26h}
drill: {into: "${namespace}-drill", then: [{matches_snapshot: {as: snapshot}}]}
"""
CLOSED = {
    "blackout": 'blackout = ["2020-01-01/2099-12-31"]',
    "window": 'windows = ["0 0 29 2 *"]',
    "gate": 'gate = {prometheus = "http://127.0.0.1:9", unless = "up"}',
    "another namespace": 'namespaces = ["lab"]',
}  # fmt: skip
"""What a target may say against acting. 29 February is not today."""


@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED)
def test_what_only_reads_a_store_is_never_refused(
    closed: str, project: Path, there: HttpCluster
) -> None:
    uid = there.get(NAMESPACES, "kube-system")["metadata"]["uid"]
    there.patch(NAMESPACES, "shop", {"metadata": {"labels": {"resilience/consent": None}}})
    try:
        text = TARGET % uid
        kept = [line for line in text.splitlines() if "blackout" not in line
                and not (closed.startswith("namespaces") and "namespaces" in line)]  # fmt: skip
        (project / "resilience.toml").write_text("\n".join([*kept, closed]) + "\n")
        (project / "nightly.plan.yaml").write_text(PLAN)
        made = command(project, "backup", "create", "nightly.plan.yaml")
        assert made.returncode == 0, made.stdout
        done = run(project, "nightly.plan.yaml", "-m", "fresh or intact")
        assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout
        drilled = run(project, "nightly.plan.yaml", "-m", "drill")
        assert drilled.returncode == 23, drilled.stdout
        assert not [each for each in writes(project) if each.namespace not in ("", JOURNAL)]
    finally:
        labels = {"metadata": {"labels": {"resilience/consent": "allow"}}}
        there.patch(NAMESPACES, "shop", labels)
