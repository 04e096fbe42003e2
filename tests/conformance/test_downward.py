"""The downward API in files: what a container without a limit is told.

Source: pkg/volume/downwardapi, pkg/api/v1/resource (defaults from the node's allocatable).
"""

from __future__ import annotations

import pytest

from tests.conformance.objects import IMAGE, pod
from tests.conformance.wire import Cluster


@pytest.mark.usefixtures("runs_pods")
@pytest.mark.parametrize("resource", ["cpu", "memory"])
def test_without_a_limit_the_nodes_allocatable_is_told(cluster: Cluster, resource: str) -> None:
    item = {"path": "limit", "resourceFieldRef": {"containerName": "app",
                                                  "resource": f"limits.{resource}"}}  # fmt: skip
    body = pod("p", volumes=[{"name": "v", "downwardAPI": {"items": [item]}}])
    body["spec"]["restartPolicy"] = "Never"
    body["spec"]["containers"] = [{
        "name": "app", "image": IMAGE, "args": ["mounttest", "--file_content=/etc/v/limit"],
        "volumeMounts": [{"name": "v", "mountPath": "/etc/v"}],
    }]  # fmt: skip
    cluster.create("pods", body)
    cluster.until_one("pods", "p", lambda found: found["status"]["phase"] == "Succeeded")
    log = cluster.text("GET", cluster.path("pods", "p", "log"))
    assert int(log.partition('limit": ')[2]) >= 1
