"""What a probe with several agents adds up."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.interface import JOBS, Means
from resilience.model.scenario import Objective
from resilience.model.values import Availability
from resilience.model.verdict import Window
from resilience.probes.fleet import fleet_probe
from resilience.probes.kinds.http import Http
from tests.probes.fleet.test_fleet import Cluster, pod, until
from tests.probes.probing import Clock, step


class Context(Cluster):
    """A run's, with that cluster and its view."""

    namespace = "shop"
    changes = ()
    means = Means(helper_image="agent", real_time_prober=True)
    clock = Clock()

    def view(self, resource: Any, namespace: str = "") -> Any:
        return self


def test_remarks_of_all_agents_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_probe, "token_hex", lambda length: "1")
    monkeypatch.setattr(fleet_probe, "PREFIX", "p")
    context: Any = Context(pod(0, "node-1"), pod(1, "node-2"))
    asked = step(Http(service="web", agents=2), rate="10/s",
                 objective=Objective(availability=Availability.parse("1%")))  # fmt: skip
    probe = fleet_probe.FleetProbe(asked, context, {"timeout": 0.1}, "web", {})
    until(lambda: probe.progress()[0] == 40)
    probe.stop()
    samples = probe.record().samples
    window = Window(since=samples[5].intended, until=samples[-5].intended)
    evidence = probe.judge(window)[0].evidence
    assert evidence is not None
    assert evidence.remarks == ("10.0.0.2 refused (40)",)
    [container] = context.bodies[JOBS]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "agent"
    assert container["securityContext"]["capabilities"]["add"] == ["SYS_NICE"]
