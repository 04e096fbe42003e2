"""The order of scenarios that share `given`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.conftest import Run

SCENARIO = """\
scenario: {title}
namespace: {namespace}
{share}
given:
  - apply: mark.yaml
when:
{when}
then:
  - ready: all
"""
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts:
  - {name: east, context: {cluster: c, user: u}}
  - {name: west, context: {cluster: c, user: u}}
"""
Order = Callable[..., list[str]]
MARK = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mark}\n"
KILL = "  - kill: {pods: app=web, count: 1}"
RESTART = "  - restart: deployment/web"
INSIDE = "  - repeat: {times: 2, steps: [{restart: deployment/web}]}"


def one(title: str, when: str = KILL, *, share: bool = True, namespace: str = "default") -> str:
    sharing = "share: given" if share else ""
    return SCENARIO.format(title=title, namespace=namespace, share=sharing, when=when)


def written(folder: Path, *texts: str) -> None:
    """A file each, in this order."""
    folder.mkdir(exist_ok=True)
    (folder / "mark.yaml").write_text(MARK)
    for number, text in enumerate(texts):
        (folder / f"{number}.scenario.yaml").write_text(text)


def collected(result: pytest.RunResult) -> list[str]:
    assert result.ret == 0, result.stdout.str()
    return [line.rpartition("::")[2] for line in result.outlines if "::" in line]


@pytest.fixture
def order(run: Run) -> Order:
    return lambda *more: collected(run("--collect-only", "-q", "-p", "no:randomly", *more))


def test_scenarios_that_share_follow_the_first_of_them(
    pytester: pytest.Pytester, order: Order
) -> None:
    (pytester.path / "test_between.py").write_text("def test_python(): pass\n")
    written(
        pytester.path,
        one("a1"), one("apart", share=False), one("b1", namespace="other"), one("a2"),
        one("b2", namespace="other"), one("a3"),
    )  # fmt: skip
    assert order() == ["a1", "a2", "a3", "apart", "b1", "b2", "test_python"]


def test_those_after_which_given_is_set_up_again_come_last(
    pytester: pytest.Pytester, order: Order
) -> None:
    written(pytester.path, one("a", RESTART), one("b", INSIDE), one("c"), one("d"))
    assert order() == ["c", "d", "a", "b"]


def test_folders_stay_apart(pytester: pytest.Pytester, order: Order) -> None:
    written(pytester.path / "one", one("a1"), one("a2"))
    written(pytester.path / "two", one("b1"), one("b2"))
    assert order() == ["a1", "a2", "b1", "b2"]


SHUFFLED = """
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: ("a2", "x", "a3", "y", "a1").index(item.name))
"""


def test_a_plugin_that_shuffles_does_not_part_them(pytester: pytest.Pytester, order: Order) -> None:
    pytester.makeconftest(SHUFFLED)
    apart = [one(title, share=False) for title in ("x", "y")]
    written(pytester.path, one("a1"), apart[0], one("a2"), apart[1], one("a3"))
    assert order() == ["a2", "a3", "a1", "x", "y"]


def test_each_cluster_of_a_fleet_has_its_own(pytester: pytest.Pytester, order: Order) -> None:
    (pytester.path / "kubeconfig").write_text(KUBECONFIG)
    written(pytester.path, one("a1"), one("a2"))
    fleet = ("--resilience-context=east,west", "--resilience-kubeconfig=kubeconfig")
    assert order(*fleet) == [
        f"{name}[cluster={where}]" for where in ("east", "west") for name in ("a1", "a2")
    ]
