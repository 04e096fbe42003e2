"""The order of API versions."""

from __future__ import annotations

from resilience.sandbox.kube.version_order import priority


def test_stable_versions_come_first_and_odd_names_last() -> None:
    names = ["foo1", "v1alpha1", "v11alpha2", "v1", "v2", "v3beta1", "v10beta3", "v10", "foo10"]
    assert sorted(names, key=priority) == [
        "v10", "v2", "v1", "v10beta3", "v3beta1", "v11alpha2", "v1alpha1", "foo1", "foo10",
    ]  # fmt: skip
