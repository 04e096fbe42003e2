"""Doctor asks about the very Pods that runs create: a PodSecurity level admits some of them."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import Means, Object
from resilience.commands import doctor_pods

HELD = 'pods "x" is forbidden: violates PodSecurity'


class Namespace:
    """Enforces a level: only the highest admits SYS_NICE, all but the lowest admit root."""

    def __init__(self, level: str, means: Means) -> None:
        self.level, self.means = level, means

    def get(self, resource: Any, name: str, namespace: str = "") -> Object:
        return {"metadata": {"name": name, "labels": {doctor_pods.ENFORCE: self.level}}}

    def create(self, resource: Any, pod: Object, namespace: str, *, dry_run: bool) -> Object:
        assert dry_run
        root = pod["spec"]["securityContext"].get("runAsUser") == 0
        if ("SYS_NICE" in str(pod) and self.level != "privileged") or (
            root and self.level == "restricted"
        ):
            raise Forbidden(403, HELD)
        return pod


@pytest.mark.parametrize(
    ("level", "punctual", "good", "said"),
    [
        ("privileged", False, True, "admits probers, canaries and volume helpers"),
        ("privileged", True, True, "admits probers, canaries and volume helpers"),
        ("baseline", False, True, "admits probers, canaries and volume helpers"),
        ("baseline", True, False, f"refuses probers with `real_time_prober = true`: {HELD}"),
        ("restricted", False, True, "volume helpers run there as the user of the Pod"),
        ("restricted", True, False, f"refuses probers with `real_time_prober = true`: {HELD}"),
    ],
)
def test_each_level_admits_what_it_should(
    level: str, punctual: bool, good: bool, said: str
) -> None:
    cluster: Any = Namespace(level, Means(real_time_prober=punctual))
    found, what, text = doctor_pods.helpers(cluster, "shop")
    assert (found, what) == (good, "helpers")
    assert text.startswith("namespace shop")
    assert said in text
