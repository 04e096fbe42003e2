"""Rules between Pods that keep a Pod from a node, held against what the scheduler would say."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.interface import Object
from resilience.drain.capacity import homeless
from resilience.drain.neighbours import (
    AFFINITY,
    ANTI_AFFINITY,
    EXISTING,
    PORTS,
    SPREAD,
    Neighbours,
    asks_namespaces,
)
from resilience.kube.tolerations import CORDON
from tests.drain.test_capacity import node, pod

HOST = "kubernetes.io/hostname"
WEB = {"matchLabels": {"app": "web"}}


def on(name: str, zone: str = "", **spec: Any) -> Object:
    made = node(name, "20", **spec)
    made["metadata"]["labels"] = {HOST: name} | ({"zone": zone} if zone else {})
    return made


def web(name: str, at: str = "", labels: dict[str, str] | None = None, **spec: Any) -> Object:
    made = pod(name, on=at, **spec)
    made["metadata"] |= {"uid": name, "labels": labels or {"app": "web"}}
    return made


def apart(key: str = HOST, **term: Any) -> dict[str, Any]:
    terms = [{"topologyKey": key, "labelSelector": WEB, **term}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    return {"affinity": {"podAntiAffinity": required}}


def spread(key: str = HOST, skew: int = 1, **more: Any) -> dict[str, Any]:
    rule = {"maxSkew": skew, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": WEB, **more}  # fmt: skip
    return {"topologySpreadConstraints": [rule]}


def obstacles(
    moving: list[Object], staying: list[Object], nodes: str = "bc", **drained: Any
) -> list[str]:
    """Reasons without counts, when `a` is drained and these nodes remain."""
    left = [on("a", **drained)]
    lost = homeless(moving, [on(name) for name in nodes], staying, left)
    assert all(each.crowded for each in lost)
    return [each.reason.partition(": ")[2] for each in lost]


def test_pods_that_keep_apart_need_a_node_each() -> None:
    rule = apart()
    here = [web("2", "b", **rule), web("3", "c", **rule)]
    assert obstacles([web("1", **rule)], here) == [f"2 {ANTI_AFFINITY}"]
    assert obstacles([web("1", **rule)], here[:1]) == []
    two = [web("1", **rule), web("4", **rule)]
    assert obstacles(two, here[:1]) == [f"2 {ANTI_AFFINITY}"], "one moves where the other goes"


@pytest.mark.parametrize(
    ("other", "is_in_the_way"),
    [
        (web("2", "b"), True),
        (web("2", "b", labels={"app": "db"}), False),
        (web("2", "elsewhere"), False),
        ({**web("2", "b"), "status": {"phase": "Succeeded"}}, False),
    ],
)
def test_only_pods_that_stay_and_match_are_in_the_way(other: Object, is_in_the_way: bool) -> None:
    assert bool(obstacles([web("1", **apart())], [other], nodes="b")) is is_in_the_way
    gone = {**other, "metadata": {**other["metadata"], "deletionTimestamp": "now"}}
    assert obstacles([web("1", **apart())], [gone], nodes="b") == []


@pytest.mark.parametrize(
    ("term", "is_meant"),
    [
        ({}, False),
        ({"namespaces": ["bank"]}, True),
        ({"namespaceSelector": {}}, True),
        ({"namespaceSelector": {"matchLabels": {"team": "x"}}}, False),
        ({"namespaces": ["bank"], "namespaceSelector": {"matchLabels": {"team": "x"}}}, True),
        ({"namespaces": ["elsewhere"]}, False),
    ],
)
def test_a_term_means_its_own_namespace_unless_it_says_more(term: Any, is_meant: bool) -> None:
    there, own = web("2", "b"), web("2", "b")
    there["metadata"]["namespace"] = "bank"
    assert bool(obstacles([web("1", **apart(**term))], [there], nodes="b")) is is_meant
    in_own = not term or term.get("namespaceSelector") == {}
    assert bool(obstacles([web("1", **apart(**term))], [own], nodes="b")) is in_own


def test_a_pod_that_keeps_others_away_does_so_for_its_zone() -> None:
    shy = web("2", "b", labels={"app": "db"}, **apart("zone"))
    nodes = [on("b", "east"), on("c", "east"), on("d", "west"), on("e")]
    [lost] = homeless([web("1")], nodes[:2], [shy], [on("a")])
    assert lost.reason == f"0/2 nodes are available: 2 {EXISTING}"
    assert not homeless([web("1")], [nodes[0], nodes[2]], [shy], [on("a")])
    assert not homeless([web("1")], [nodes[0], nodes[3]], [shy], [on("a")]), "it has no zone"
    unzoned = web("2", "e", labels={"app": "db"}, **apart("zone"))
    assert not homeless([web("1")], [nodes[3]], [unzoned], []), "and is in nobody's zone"


def test_a_drained_node_stays_an_empty_domain_of_a_hard_spread() -> None:
    here = [web("2", "b"), web("3", "c")]
    assert obstacles([web("1", **spread())], here) == [f"2 {SPREAD}"]
    assert obstacles([web("1", **spread(skew=2))], here) == []
    assert obstacles([web("1", **spread())], here[:1]) == []
    assert obstacles([web("1", **spread(nodeTaintsPolicy="Honor"))], here) == []
    soft = spread(whenUnsatisfiable="ScheduleAnyway")
    assert obstacles([web("1", **soft)], here) == []


def test_a_spread_counts_only_nodes_that_the_pod_could_use() -> None:
    here = [web("2", "b"), web("3", "c")]
    picky = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [
            {"key": HOST, "operator": "NotIn", "values": ["a"]}]}]}}}  # fmt: skip
    assert obstacles([web("1", affinity=picky, **spread())], here) == []
    ignoring = spread(nodeAffinityPolicy="Ignore")
    assert obstacles([web("1", affinity=picky, **ignoring)], here) == [f"2 {SPREAD}"]


def test_a_tainted_node_is_no_domain_where_taints_are_honoured() -> None:
    taint = {"key": "gpu", "effect": "NoExecute"}
    nodes = [on("b"), on("c", taints=[taint])]
    honest = web("1", **spread(nodeTaintsPolicy="Honor"))
    assert not homeless([honest], nodes, [web("2", "b")], [on("a")])
    [lost] = homeless([web("1", **spread())], nodes, [web("2", "b")], [on("a")])
    assert f"1 {SPREAD}" in lost.reason


def test_a_spread_wants_as_many_domains_as_it_says() -> None:
    more = spread("zone", minDomains=3)
    nodes = [on("b", "east"), on("c", "west")]
    here = [web("2", "b"), web("3", "c")]
    [lost] = homeless([web("1", **more)], nodes, here, [on("a")])
    assert lost.reason.endswith(f"2 {SPREAD}")
    assert not homeless([web("1", **spread("zone", minDomains=2))], nodes, here, [on("a")])


def test_a_node_without_the_label_takes_nobody_and_is_no_domain() -> None:
    [lost] = homeless([web("1", **spread("zone"))], [on("b")], [], [on("a")])
    assert lost.reason.endswith(f"1 {SPREAD}")
    nodes = [on("b", "east")]
    assert not homeless([web("1", **spread("zone"))], nodes, [web("2", "b")], [on("a")])


def test_only_pods_of_the_same_rule_are_counted() -> None:
    older = {"app": "web", "hash": "1"}
    here = [web("2", "b", labels=older), web("3", "c", labels=older)]
    newer = web("1", labels={"app": "web", "hash": "2"}, **spread(matchLabelKeys=["hash"]))
    assert obstacles([newer], here) == []
    foreign = [{**each, "metadata": {**each["metadata"], "namespace": "bank"}} for each in here]
    assert obstacles([web("1", **spread())], foreign) == []
    assert obstacles([web("1", **spread(labelSelector=None))], here) == []
    away = apart(mismatchLabelKeys=["hash"])
    assert obstacles([web("1", labels=older, **away)], here) == []
    assert obstacles([web("1", labels={**older, "hash": "2"}, **away)], here)


def test_what_moves_into_an_empty_zone_makes_room_in_the_others() -> None:
    nodes = [on("b", "west"), on("c", "east")]
    nodes[1]["status"]["allocatable"]["pods"] = "1"
    moving = [web("1", **spread("zone")), web("4", **spread("zone"))]
    assert not homeless(moving, nodes, [web("2", "b")], [on("a", "east")])
    assert not homeless(moving, nodes[::-1], [web("2", "b")], [on("a", "east")])


def test_how_the_pods_that_move_are_placed_is_not_foretold() -> None:
    moving = [web(name, **spread(nodeTaintsPolicy="Honor")) for name in "12"]
    full = on("c")
    full["status"]["allocatable"]["pods"] = "0"
    assert not homeless(moving, [on("b"), full], [], [on("a")])


def test_a_node_without_one_of_the_keys_is_no_domain_of_the_others() -> None:
    rules = [*spread()["topologySpreadConstraints"],
             *spread("zone", skew=5)["topologySpreadConstraints"]]  # fmt: skip
    both = web("1", topologySpreadConstraints=rules)
    assert not homeless([both], [on("b", "east")], [web("2", "b")], [on("a")])
    assert homeless([both], [on("b", "east")], [web("2", "b")], [on("a", "east")])


def test_who_was_placed_counts_at_once() -> None:
    here = Neighbours([on("b"), on("c")], [], [web("2", "b")])
    one = web("1", **spread())
    assert here.obstacle(one, on("b")) == SPREAD
    here.place(web("4"), on("c"))
    assert here.obstacle(one, on("b")) == ""


@pytest.mark.parametrize(
    ("used", "wanted", "free"),
    [
        ({"hostPort": 80}, {"hostPort": 80}, False),
        ({"hostPort": 80}, {"hostPort": 81}, True),
        ({"hostPort": 80, "protocol": "UDP"}, {"hostPort": 80}, True),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80}, False),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.2"}, True),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.1"}, False),
        ({"containerPort": 80}, {"containerPort": 80}, True),
    ],
)
def test_a_port_of_a_node_is_used_once(used: Any, wanted: Any, free: bool) -> None:
    def with_port(name: str, port: Any, at: str = "") -> Object:
        return web(name, at, containers=[{"ports": [port]}])

    found = obstacles([with_port("1", wanted)], [with_port("2", used, "b")], nodes="b")
    assert found == ([] if free else [f"1 {PORTS}"])


def test_a_pod_that_tolerates_the_cordon_may_return_and_is_not_homeless() -> None:
    tolerant = web("1", tolerations=[{"operator": "Exists"}], **spread())
    here = [web("2", "b"), web("3", "c")]
    assert obstacles([tolerant], here) == []
    alone = web("1", tolerations=[{"operator": "Exists"}], **apart())
    assert obstacles([alone], here) == []
    assert homeless([alone], [on("b"), on("c")], here), "no drained node to return to"
    shut = on("b", unschedulable=True)
    assert not homeless([web("1", tolerations=[{**CORDON, "operator": "Exists"}])], [shut], [])


def test_pods_that_few_nodes_admit_choose_first() -> None:
    bound = web("1", nodeSelector={HOST: "b"}, **apart())
    free = pod("2", "5", **apart())
    free["metadata"] |= {"uid": "2", "labels": {"app": "web"}}
    assert obstacles([free, bound], []) == []


def test_finished_pods_take_no_room() -> None:
    there = {**pod("x", "20", on="b"), "status": {"phase": "Succeeded"}}
    assert not homeless([web("1")], [on("b")], [there])
    there["status"]["phase"] = "Running"
    assert homeless([web("1")], [on("b")], [there])


# ----- affinity to Pods, and namespaces by their labels


def near(key: str = HOST, labels: dict[str, str] | None = None, **term: Any) -> dict[str, Any]:
    selector = {"matchLabels": labels or {"app": "cache"}}
    terms = [{"topologyKey": key, "labelSelector": selector, **term}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    return {"affinity": {"podAffinity": required}}


def cache(name: str, at: str = "") -> Object:
    return web(name, at, labels={"app": "cache"})


def test_a_pod_that_has_to_be_near_one_that_stays_behind_finds_no_node() -> None:
    """A DaemonSet of the drained node alone: kubectl drain evicts the Pod, and it stays Pending."""
    assert obstacles([web("1", **near())], [cache("2", "a")]) == [f"2 {AFFINITY}"]
    assert obstacles([web("1", **near())], [cache("2", "a"), cache("3", "c")]) == []
    assert obstacles([web("1", **near())], []) == [f"2 {AFFINITY}"]


def test_who_moves_as_well_may_go_to_the_same_node() -> None:
    assert obstacles([web("1", **near()), cache("2")], []) == []
    together = near(labels={"app": "web"})
    assert obstacles([web("1", **together), web("2", **together)], []) == [], "to one another"


def test_one_that_stays_on_the_drained_node_is_in_its_zone() -> None:
    moving, left = [web("1", **near("zone"))], [on("a", "east")]
    assert not homeless(moving, [on("b", "east")], [cache("2", "a")], left)
    [lost] = homeless(moving, [on("b", "west"), on("c")], [cache("2", "a")], left)
    assert lost.reason == f"0/2 nodes are available: 2 {AFFINITY}"


RED: dict[str, Any] = {"namespaceSelector": {"matchLabels": {"team": "red"}}}


@pytest.mark.parametrize(
    ("labels", "keeps_apart", "is_near"),
    [({"team": "red"}, True, True), ({"team": "blue"}, False, False), (None, False, True)],
)
def test_namespaces_by_their_labels(
    labels: dict[str, str] | None, keeps_apart: bool, is_near: bool
) -> None:
    """Where their labels are not known, nothing is foretold."""
    there = web("2", "b")
    there["metadata"]["namespace"] = "bank"
    known = {"bank": labels, "shop": {}} if labels is not None else {}

    def lost(**rule: Any) -> bool:
        return bool(homeless([web("1", **rule)], [on("b")], [there], [on("a")], known))

    assert lost(**apart(**RED)) is keeps_apart
    assert lost(**near(labels={"app": "web"}, **RED)) is not is_near
    there["metadata"]["labels"] = {"app": "cache"}
    assert lost(**near(**RED)) is not is_near, "of those who stay as well"
    assert not lost(**apart(namespaceSelector={"matchLabels": {"team": "x"}}))


def test_labels_of_namespaces_are_asked_for_only_where_a_rule_needs_them() -> None:
    assert asks_namespaces([web("1"), web("2", **apart(**RED))])
    assert asks_namespaces([web("2", **near(**RED))])
    assert not asks_namespaces([web("1", **apart(namespaceSelector={})), web("2", **near())])
