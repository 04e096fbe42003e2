"""The seam holds: callers ask for a capability, and take any cluster that has its shape."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from resilience.cluster.interface import PODS, Resource

ROOT = Path(__file__).parents[2] / "resilience"
VERBS = ("actions", "checks", "probes", "ledger", "drain", "verbs")


def nodes(*rooms: str) -> Iterator[tuple[Path, ast.AST]]:
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                yield path, node


@pytest.mark.parametrize("room", VERBS)
def test_no_verb_asks_which_kind_of_cluster_it_has(room: str) -> None:
    asking = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, node in nodes(room)
        if isinstance(node, ast.Attribute) and node.attr == "is_sandbox"
    ]
    assert not asking, "ask for a capability of `cluster.means`"


def test_nobody_looks_behind_the_protocol() -> None:
    rooms = [each.name for each in ROOT.iterdir() if each.is_dir() and each.name != "sandbox"]
    looking = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, node in nodes(*rooms)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("isinstance", "cast")
        and "HttpCluster" in ast.unparse(node)
    ]
    assert not looking, "put what is needed on `Cluster`"


def test_the_means_of_an_open_cluster_cannot_be_exchanged() -> None:
    setting = [
        f"{path.relative_to(ROOT)}:{target.lineno}"
        for path, node in nodes(*[each.name for each in ROOT.iterdir() if each.is_dir()])
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and target.attr == "means"
    ]
    assert not setting, "use `cluster.equipped(means)`"


def test_a_path_names_each_part_and_escapes_it() -> None:
    assert PODS.path("shop", "web", "log") == "/api/v1/namespaces/shop/pods/web/log"
    assert PODS.path() == "/api/v1/pods"
    roles = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False)
    assert roles.path(name="system:x/y").endswith("/clusterroles/system:x%2Fy")
