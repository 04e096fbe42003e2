"""What the kubelet makes of a Pod, as the API shows it. Sources: pkg/kubelet, and
pkg/registry/core/pod/strategy.go for what stands between a client and the kubelet.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.objects import pod
from tests.conformance.wire import Cluster

pytestmark = pytest.mark.usefixtures("runs_pods")
NOWHERE: dict[str, Any] = {"nodeSelector": {"conformance.example.com/no-such": "node"}}


def test_the_log_of_a_pod_without_a_node_is_no_content(cluster: Cluster) -> None:
    cluster.create("pods", pod("one", **NOWHERE))
    answer = cluster.request("GET", cluster.path("pods", "one", "log"))
    assert (answer.status, answer.body) == (204, {"text": ""})


def test_no_command_is_run_in_a_pod_without_a_node(cluster: Cluster) -> None:
    cluster.create("pods", pod("one", **NOWHERE))
    answer = cluster.request("POST", cluster.path("pods", "one", "exec"), command="true")
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"] == "pod one does not have a host assigned"
