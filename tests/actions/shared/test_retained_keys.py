"""Which keys of a union a patch retains, and that the other member goes on the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resilience.actions.shared.retained_keys import patch
from resilience.cluster import connect
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.interface import DEPLOYMENTS, NAMESPACES
from tests.engine.helpers import by_hand


def strategy(of: Any) -> dict[str, Any]:
    return {"spec": {"strategy": of}}


def volumes(*of: Any, path: tuple[str, ...] = ("template", "spec")) -> dict[str, Any]:
    found: Any = {"volumes": list(of)}
    for key in reversed(("spec", *path)):
        found = {key: found}
    return dict(found)


ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
CONFIG = {"name": "a", "configMap": {"name": "x"}}
EMPTY = {"name": "a", "emptyDir": {}}


@pytest.mark.parametrize(
    ("new", "old", "kept"),
    [
        (strategy({"type": "Recreate"}), strategy(ROLLING), ["type"]),
        (strategy(ROLLING), strategy({"type": "Recreate"}), ["rollingUpdate", "type"]),
        (strategy({"type": "RollingUpdate"}), strategy(ROLLING), None),
        (strategy({"rollingUpdate": {}}), strategy(ROLLING), None),
        (strategy({"type": "Recreate"}), {"spec": {}}, None),
        (strategy(None), strategy(ROLLING), None),
    ],
)
def test_a_strategy_of_another_type_retains_its_own_keys_only(
    new: dict[str, Any], old: dict[str, Any], kept: list[str] | None
) -> None:
    found = patch(new, old)["spec"]["strategy"]
    assert (found or {}).get("$retainKeys") == kept


@pytest.mark.parametrize("path", [(), ("template", "spec"),
                                  ("jobTemplate", "spec", "template", "spec")])  # fmt: skip
def test_a_volume_of_another_kind_retains_its_own_keys_only(path: tuple[str, ...]) -> None:
    other = {"name": "b", "emptyDir": {}}
    found: Any = patch(volumes(EMPTY, other, path=path), volumes(CONFIG, path=path))
    for key in ("spec", *path):
        found = found[key]
    first, second = found["volumes"]
    assert first == EMPTY | {"$retainKeys": ["emptyDir", "name"]}
    assert second == other


def test_a_volume_of_the_same_kind_is_sent_as_written() -> None:
    new = volumes({"name": "a", "configMap": {"name": "y"}})
    assert patch(new, volumes(CONFIG | {"configMap": {"name": "x", "defaultMode": 420}})) == new
    assert patch(volumes(None), volumes(CONFIG)) == volumes(None)
    assert patch(volumes(EMPTY), {"spec": None}) == volumes(EMPTY)


MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  strategy: {strategy}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      volumes: [{{name: v, {volume}}}]
      containers: [{{name: c, image: "registry.k8s.io/pause:3.10"}}]
"""
BEFORE = {"strategy": "{type: RollingUpdate, rollingUpdate: {maxSurge: 2}}",
          "volume": "configMap: {name: x, optional: true}"}  # fmt: skip
AFTER = {"strategy": "{type: Recreate}", "volume": "emptyDir: {}"}


def test_an_applied_union_changes_its_member_and_is_undone(tmp_path: Path) -> None:
    (tmp_path / "before.yaml").write_text(MANIFEST.format(**BEFORE))
    (tmp_path / "after.yaml").write_text(MANIFEST.format(**AFTER))
    with sandbox(nodes=1) as embedded, connect(embedded.access) as cluster:
        cluster.create(NAMESPACES, {"metadata": {"name": "shop"}})
        with by_hand(cluster, "shop", tmp_path) as outer:
            outer.apply("before.yaml")
            before = cluster.get(DEPLOYMENTS, "web", "shop")["spec"]
            with by_hand(cluster, "shop", tmp_path) as inner:
                inner.apply("after.yaml")
                now = cluster.get(DEPLOYMENTS, "web", "shop")["spec"]
                assert now["strategy"] == {"type": "Recreate"}
                assert now["template"]["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
                inner.ready("deployment/web", within="60s")
            assert cluster.get(DEPLOYMENTS, "web", "shop")["spec"] == before
