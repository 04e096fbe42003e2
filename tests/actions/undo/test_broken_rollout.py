"""A broken rollout of a StatefulSet is undone for good: kubernetes/kubernetes#67250.

On the sandbox, whose controller stays with its broken Pod as the real one does.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.cluster import connect
from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import STATEFULSETS
from tests.engine.helpers import by_hand
from tests.spaces import serving, space

MANIFEST = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  replicas: 2
  serviceName: db
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: db, image: "{image}"}}]
"""
GOOD, BROKEN = "registry.k8s.io/pause:3.10", "registry.example.com/none:1"


@pytest.mark.parametrize("by", ["set_image", "apply"])
def test_the_statefulset_serves_again_after_the_undo(
    embedded: Embedded, tmp_path: Path, by: str
) -> None:
    (tmp_path / "good.yaml").write_text(MANIFEST.format(image=GOOD))
    (tmp_path / "broken.yaml").write_text(MANIFEST.format(image=BROKEN))
    with (
        connect(embedded.access) as cluster,
        space(cluster, "rolled") as name,
        by_hand(cluster, name, tmp_path) as outer,
    ):
        outer.apply("good.yaml")
        outer.ready("statefulset/db", within="60s")
        with by_hand(cluster, name, tmp_path) as inner:
            if by == "apply":
                inner.apply("broken.yaml")
            else:
                inner.set_image(workload="statefulset/db", image=BROKEN)
            with cluster.view(STATEFULSETS, name) as found:
                assert found.wait(lambda them: them[0]["status"].get("updatedReplicas") == 1, 60)
        serving(cluster, name, 2, "app=db")
