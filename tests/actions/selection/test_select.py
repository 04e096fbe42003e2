"""Choosing victims: pure functions, Pods in, Pods out."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.actions.selection.choice import PodChoice
from resilience.actions.selection.select import select
from resilience.actions.selection.victim_filters import Surroundings
from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.values import Duration, Reference, Share
from resilience.verbs.context import ActionFailed, NothingToDo

NOW = 1_700_000_000.0
APP = Selector.parse("app=web")


def pod(name: str, **more: Any) -> Object:
    """A ready Pod of a ReplicaSet, 600 s old."""
    return {
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "shop", "uid": f"uid-{name}",
            "labels": {"app": "web"} | more.get("labels", {}),
            "creationTimestamp": more.get("born", "2023-11-14T22:03:20Z"),
            "ownerReferences": more.get("owners", [
                {"kind": "ReplicaSet", "name": "rs", "uid": more.get("owner", "rs"),
                 "controller": True}]),
        } | ({"deletionTimestamp": "2023-11-14T22:13:20Z"} if more.get("dying") else {}),
        "spec": {"nodeName": more.get("node", "node-1")},
        "status": {"phase": more.get("phase", "Running"),
                   "conditions": [{"type": "Ready", "status": more.get("ready", "True")}]},
    }  # fmt: skip


def names(pods: list[Object]) -> list[str]:
    return [objects.name(each) for each in pods]


def choose(
    there: list[Object], seed: int = 1, around: Surroundings | None = None,
           **choice: Any) -> list[str]:  # fmt: skip
    keys = {"pods": APP} | choice
    surroundings = around or Surroundings(namespace="shop", wall=NOW)
    return names(select(there, PodChoice(**keys), surroundings, Random(seed)))


NINE = [pod(f"web-{n}") for n in range(9)]


@pytest.mark.parametrize(
    ("how", "number"),
    [
        ({}, 1),
        ({"count": 3}, 3),
        ({"count": "one"}, 1),
        ({"count": "all"}, 9),
        ({"count": "minority"}, 4),
        ({"count": "majority"}, 5),
        ({"share": Share.parse("1/3")}, 3),
        ({"share": Share.parse("50%")}, 4),
    ],
)
def test_as_many_are_chosen_as_asked_for_without_replacement(
    how: dict[str, Any], number: int
) -> None:
    chosen = choose(NINE, **how)
    assert len(chosen) == len(set(chosen)) == number


@pytest.mark.parametrize(("pods", "minority", "majority"), [(3, 1, 2), (4, 1, 3), (5, 2, 3)])
def test_a_minority_is_fewer_than_half_and_a_majority_more(
    pods: int, minority: int, majority: int
) -> None:
    assert len(choose(NINE[:pods], count="minority")) == minority
    assert len(choose(NINE[:pods], count="majority")) == majority


@pytest.mark.parametrize("how", [{"share": Share.parse("1/3")}, {"count": "minority"}])
def test_a_number_that_rounds_down_to_nobody_names_what_to_write(how: dict[str, Any]) -> None:
    with pytest.raises(NothingToDo, match=r"of 2 Pods is 0, rounded down.*`count: 1`"):
        choose(NINE[:2], **how)


def test_fewer_than_asked_for_is_an_error_not_a_smaller_test() -> None:
    with pytest.raises(ActionFailed, match="only 2 Pods can be chosen"):
        choose(NINE[:2], count=3)


def test_a_selector_that_matches_nobody_names_the_pods_that_exist() -> None:
    with pytest.raises(NothingToDo, match=r"no living Pod .* app=none; there are 2 Pods \(web-0"):
        choose(NINE[:2], pods=Selector.parse("app=none"))
    with pytest.raises(NothingToDo, match="there are no Pods at all"):
        choose([])


@pytest.mark.parametrize(
    ("written", "meant"),
    [("app=wbe", "did you mean `app=web`"), ("web", "did you mean `app=web`")],
)
def test_a_wrong_selector_is_told_the_labels_that_there_are(written: str, meant: str) -> None:
    there = [pod("a", labels={"tier": "front", "pod-template-hash": "1"})]
    with pytest.raises(NothingToDo) as caught:
        choose(there, pods=Selector.parse(written))
    assert "their labels: app=web, tier=front; nothing was harmed" in str(caught.value)
    assert str(caught.value).endswith(f"{meant}?")
    assert "pod-template-hash" not in str(caught.value)


def test_the_dying_and_the_finished_are_not_chosen() -> None:
    pods = [pod("a", dying=True), pod("b", phase="Succeeded"), pod("c", phase="Failed"), pod("d")]
    assert choose(pods, count="all") == ["d"]


def test_our_own_helpers_are_never_chosen() -> None:
    helper = pod("a", labels={"app.kubernetes.io/managed-by": "pytest-resilience"})
    assert choose([helper, pod("b")], count="all") == ["b"]


def test_bare_pods_are_spared_unless_asked_for() -> None:
    pods = [pod("a", owners=[]), pod("b", owners=[])]
    with pytest.raises(NothingToDo, match=r"2 by bare Pods.*`bare: true`"):
        choose(pods)
    assert choose(pods, bare=True, count="all") == ["a", "b"]


def test_the_pod_that_runs_the_test_is_never_chosen() -> None:
    around = Surroundings(namespace="shop", wall=NOW, own=("shop", "web-1"))
    assert choose(NINE[:3], around=around, count="all") == ["web-0", "web-2"]


@pytest.mark.parametrize(
    ("filtered", "left"),
    [
        ({"exclude": Selector.parse("canary")}, ["a", "b", "d"]),
        ({"ready": True}, ["a", "c", "d"]),
        ({"ready": False}, ["b"]),
        ({"min_age": Duration.parse("5m")}, ["a", "b", "c"]),
        ({"node": "node-2"}, ["c", "d"]),
        ({"phase": "Pending"}, ["b"]),
        ({"name": "c"}, ["c"]),
    ],
)
def test_each_filter_takes_away_what_it_says(filtered: dict[str, Any], left: list[str]) -> None:
    pods = [pod("a"), pod("b", ready="False", phase="Pending"),
            pod("c", node="node-2", labels={"canary": "yes"}),
            pod("d", node="node-2", owner="other", born="2023-11-14T22:12:00Z")]  # fmt: skip
    assert choose(pods, **filtered, count="all") == left


@pytest.mark.parametrize(
    ("key", "groups"),
    [("node", [{"a", "b"}, {"c", "d"}]), ("owner", [{"a", "b", "c"}, {"d"}])],
)
def test_one_of_each_group_and_not_always_the_same(key: str, groups: list[set[str]]) -> None:
    pods = [pod("a"), pod("b"), pod("c", node="node-2"), pod("d", node="node-2", owner="other")]
    found = [choose(pods, seed, one_per=key, count="all") for seed in range(40)]
    assert all(len(group & set(each)) == 1 for each in found for group in groups)
    assert {name for each in found for name in each} == {"a", "b", "c", "d"}
    newest = [pod("a"), pod("b", born="2023-11-14T22:12:00Z")]
    assert choose(newest, one_per=key, order="newest") == ["b"]


KINDS = {"uid-a": "deployment", "uid-b": "daemonset", "uid-c": "rollout"}


@pytest.mark.parametrize(
    ("kinds", "left"),
    [
        (("deployment",), ["a"]),
        (("!daemonset",), ["a", "c"]),
        (("deployment", "rollout"), ["a", "c"]),
        (("deployment", "!deployment", "daemonset"), ["b"]),
    ],
)
def test_kinds_are_those_of_the_workload(kinds: tuple[str, ...], left: list[str]) -> None:
    around = Surroundings(namespace="shop", wall=NOW, kinds=KINDS)
    pods = [pod("a"), pod("b"), pod("c")]
    assert choose(pods, around=around, kinds=kinds, count="all") == left


def test_nobody_of_a_kind_says_which_kinds_there_are() -> None:
    around = Surroundings(namespace="shop", wall=NOW, kinds=KINDS)
    with pytest.raises(NothingToDo, match=r"kinds: job \(they are of daemonset, deployment, roll"):
        choose([pod("a")], around=around, kinds=("job",))


def test_annotations_are_matched_as_labels_are() -> None:
    one = pod("a")
    one["metadata"]["annotations"] = {"team/chaos": "yes", "note": "any text at all"}
    assert choose([one, pod("b")], annotations=Selector.parse("team/chaos=yes")) == ["a"]
    with pytest.raises(NothingToDo, match="1 by annotations: team/chaos=no"):
        choose([one], annotations=Selector.parse("team/chaos=no"))


def test_an_owner_is_matched_by_its_uids() -> None:
    pods = [pod("a"), pod("b", owner="other")]
    around = Surroundings(namespace="shop", wall=NOW, owners=frozenset({"other"}))
    chosen = choose(pods, around=around, pods=None, owner=Reference.parse("deployment/x"))
    assert chosen == ["b"]


def test_who_is_starved_by_filters_is_told_which() -> None:
    pods = [pod("a", ready="False"), pod("b", labels={"canary": "1"})]
    with pytest.raises(NothingToDo, match=r"1 by exclude: canary, 1 by ready: true"):
        choose(pods, exclude=Selector.parse("canary"), ready=True)


def test_oldest_and_newest_go_by_creation() -> None:
    pods = [pod(f"p{n}", born=f"2023-11-14T22:0{n}:00Z") for n in (3, 1, 2)]
    assert choose(pods, order="oldest", count=2) == ["p1", "p2"]
    assert choose(pods, order="newest", count=2) == ["p3", "p2"]


@given(st.permutations(range(9)), st.integers(0, 1000), st.integers(1, 9))
def test_the_order_of_the_listing_does_not_change_the_choice(
    order: list[int], seed: int, count: int
) -> None:
    assert choose([NINE[n] for n in order], seed, count=count) == choose(NINE, seed, count=count)


def test_every_pod_is_a_victim_under_some_seed() -> None:
    assert {choose(NINE, seed)[0] for seed in range(200)} == set(names(NINE))


def test_a_mirror_of_a_static_pod_is_chosen_only_where_its_containers_are_reached() -> None:
    """Deleting the object ends nothing: its kubelet writes it again (chaos-mesh#3851)."""
    mirror = pod("static-node-1")
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "hash"}
    pods = [mirror, pod("web-0")]
    assert choose(pods, count="all") == ["web-0"]
    around = Surroundings(namespace="shop", wall=NOW, mirrors=True)
    assert choose(pods, around=around, count="all") == ["static-node-1", "web-0"]
    with pytest.raises(NothingToDo, match=r"mirrors of static Pods, .*use `crash`"):
        choose([mirror], count="all")
