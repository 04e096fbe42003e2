"""Node actions: what is chosen, and that a node ends as it was."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import pytest

from resilience.actions.nodes.cordon import VERB as CORDON
from resilience.actions.nodes.node_choice import NodeQuery, pick
from resilience.actions.nodes.taint import VERB as TAINT
from resilience.cluster import errors, interface
from resilience.cluster.interface import NODES, Object
from resilience.engine.base.run_guard import RunGuard
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.kube.tolerations import tolerates
from resilience.model.timeline import What
from resilience.model.values import Share
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from resilience.verbs.context import ActionFailed, NothingToDo, Refused
from tests.engine.helpers import World, step, world

ZONE = "topology.kubernetes.io/zone"


def node(name: str, **labels: str) -> Object:
    return {"kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {}}


FOUR = [node("n1", **{ZONE: "a"}), node("n2", **{ZONE: "a"}), node("n3", **{ZONE: "b"}),
        node("n4", pool="spot")]  # fmt: skip


def pod(on: str, phase: str = "Running", **labels: str) -> Object:
    return {"metadata": {"name": f"p-{on}", "labels": labels}, "spec": {"nodeName": on},
            "status": {"phase": phase}}  # fmt: skip


PODS = [pod("n1", app="web"), pod("n3", app="web"), pod("n3", app="db"), pod("n3", app="db"),
        pod("n4", "Succeeded", app="web")]  # fmt: skip


def picked(query: str | NodeQuery, seed: int = 1) -> list[str]:
    return [objects.name(each) for each in pick(query, FOUR, PODS, "shop", Random(seed))]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("n2", ["n2"]),
        ("biggest", ["n3"]),
        (NodeQuery(zone="a"), ["n1", "n2"]),
        (NodeQuery(labels=Selector.parse("pool=spot")), ["n4"]),
        (NodeQuery(running=Selector.parse("app=web"), count="all"), ["n1", "n3"]),
        (NodeQuery(running=Selector.parse("app=web"), zone="b"), ["n3"]),
        (NodeQuery(zone="a", share=Share.parse("100%")), ["n1", "n2"]),
    ],
)
def test_nodes_are_chosen_by_what_they_are_and_carry(
    query: str | NodeQuery, names: list[str]
) -> None:
    assert picked(query) == names


def test_of_several_that_fit_one_is_taken_by_the_seed() -> None:
    query = NodeQuery(running=Selector.parse("app=web"))
    assert {tuple(picked(query, seed)) for seed in range(50)} == {("n1",), ("n3",)}


def test_nodes_that_are_spared_are_taken_when_there_are_too_few_others() -> None:
    def taken(count: int, seed: int) -> set[str]:
        query = NodeQuery(zone="a", count=count)
        found = pick(query, FOUR, PODS, "shop", Random(seed), spared=[{"n1"}])
        return {objects.name(each) for each in found}

    assert {name for seed in range(20) for name in taken(1, seed)} == {"n2"}
    assert taken(2, 1) == {"n1", "n2"}


def test_of_spared_nodes_those_in_the_fewest_sets_go_first() -> None:
    every = NodeQuery(labels=Selector.parse("!none"), count=3)
    needed, ours = {"n1"}, {"n1", "n2"}
    for seed in range(20):
        found = pick(every, FOUR, PODS, "shop", Random(seed), spared=[needed, ours])
        assert [objects.name(each) for each in found] == ["n2", "n3", "n4"]


def test_an_unknown_node_is_told_which_there_are() -> None:
    with pytest.raises(
        ActionFailed, match=r"node n9 does not exist; existing nodes: n1, n2, n3, n4"
    ):
        picked("n9")
    with pytest.raises(NothingToDo, match=r"running app=none.*there are: n1"):
        picked(NodeQuery(running=Selector.parse("app=none")))
    with pytest.raises(NothingToDo, match="is 0"):
        picked(NodeQuery(zone="a", share=Share.parse("1/3")))
    with pytest.raises(ActionFailed, match="only 2 match"):
        picked(NodeQuery(zone="a", count=3))


@pytest.fixture
def here() -> World:
    made = world()
    for name in ("node-1", "node-2"):
        made.cluster.put(NODES, node(name))
    made.deploy()
    return made


def spec(here: World, name: str) -> dict[str, Any]:
    [found] = [each for each in here.cluster.find(NODES) if objects.name(each) == name]
    return dict(found["spec"])


def test_a_cordon_is_put_on_and_taken_off(here: World) -> None:
    seen: list[object] = []
    here.on_entry = lambda entry: seen.append(spec(here, "node-1").get("unschedulable"))
    record = here.run(when=[step(CORDON, Phase.WHEN, node="node-1")])
    assert record.outcome is Outcome.PASSED, record.message
    assert True in seen
    assert not spec(here, "node-1").get("unschedulable")
    assert "resilience/run" not in str(here.cluster.find(NODES))


def test_a_node_is_chosen_on_which_no_prober_stands(here: World) -> None:
    for at in (1, 3, 4, 5, 6):
        here.cluster.put(NODES, node(f"node-{at}"))
        prober = pod(f"node-{at}", **{objects.MANAGED_BY: objects.OURS})
        prober["metadata"]["namespace"] = "shop"
        here.cluster.put(interface.PODS, prober)
    cordoned: set[str] = set()
    here.on_entry = lambda entry: cordoned.update(
        objects.name(each) for each in here.cluster.find(NODES) if each["spec"].get("unschedulable")
    )
    any_node = NodeQuery(labels=Selector.parse("!gpu"))
    record = here.run(when=[step(CORDON, Phase.WHEN, node=any_node)])
    assert record.outcome is Outcome.PASSED, record.message
    assert cordoned == {"node-2"}


def test_a_node_that_somebody_else_had_cordoned_stays_cordoned(here: World) -> None:
    here.cluster.change(NODES, "", "node-1", lambda obj: obj["spec"].update(unschedulable=True))
    record = here.run(when=[step(CORDON, Phase.WHEN, node="node-1")])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "already cordoned" in record.message
    assert spec(here, "node-1")["unschedulable"] is True
    record = here.run(when=[step(CORDON, Phase.WHEN, node=NodeQuery(
        labels=Selector.parse("!gpu"), count="all"))])  # fmt: skip
    assert record.outcome is Outcome.PASSED, record.message
    assert spec(here, "node-1")["unschedulable"] is True
    assert not spec(here, "node-2").get("unschedulable")


def test_a_cordon_that_somebody_took_over_is_left_alone(here: World) -> None:
    def take_over(entry: Any) -> None:
        if entry.what is What.PROOF:
            here.cluster.change(
                NODES,
                "",
                "node-1",
                lambda obj: obj["metadata"].update(annotations={"resilience/run": "another run"}),
            )

    here.on_entry = take_over
    here.run(when=[step(CORDON, Phase.WHEN, node="node-1")])
    assert spec(here, "node-1")["unschedulable"] is True


def test_exactly_the_taint_that_was_put_on_is_taken_off(here: World) -> None:
    other = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    here.cluster.change(NODES, "", "node-1", lambda obj: obj["spec"].update(taints=[other]))
    record = here.run(when=[step(TAINT, Phase.WHEN, node="node-1", taint="fire=yes:NoExecute")])
    assert record.outcome is Outcome.PASSED, record.message
    assert spec(here, "node-1")["taints"] == [other]
    victims = [entry for entry in record.timeline if entry.what is What.VICTIM]
    assert len(victims) == 3


def standing(here: World, name: str, namespace: str, **more: Any) -> None:
    """A Pod on node-1, of a ReplicaSet or bare."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a", "uid": "a",
             "controller": True}  # fmt: skip
    metadata = {"name": name, "namespace": namespace, "ownerReferences": [owner]} | more
    here.cluster.put(interface.PODS, {"kind": "Pod", "metadata": metadata, "spec": {
        "nodeName": "node-1"}, "status": {"phase": "Running"}})  # fmt: skip


@pytest.mark.parametrize(("effect", "harmed"), [("NoExecute", {"shop", "bank"}),
                                                ("NoSchedule", set())])  # fmt: skip
def test_pods_of_every_namespace_count_that_a_taint_removes(
    here: World, effect: str, harmed: set[str]
) -> None:
    standing(here, "elsewhere", "bank")
    record = here.run(when=[step(TAINT, Phase.WHEN, node="node-1", taint=f"fire=yes:{effect}")])
    struck = [entry.text for entry in record.timeline if entry.what is What.VICTIM]
    assert {each.partition("/")[0] for each in struck} == harmed


def test_a_taint_that_removes_pods_of_the_system_is_refused_by_the_limits(here: World) -> None:
    standing(here, "dns", "kube-system")
    guard = Limited()
    record = here.run(
        when=[step(TAINT, Phase.WHEN, node="node-1", taint="fire:NoExecute")], guard=guard
    )
    assert record.outcome is Outcome.REFUSED
    assert "kube-system" in record.message
    assert not spec(here, "node-1").get("taints")


class Limited(RunGuard):
    """Refuses to harm a system's Pods, as a target's limits do."""

    def may_harm(self, chosen: Any) -> None:
        if any(objects.namespace(each) == "kube-system" for each in chosen):
            raise Refused("Pods of kube-system would be harmed")


@pytest.mark.parametrize("bare", [True, False])
def test_a_bare_pod_is_removed_by_a_taint_only_if_that_is_allowed(here: World, bare: bool) -> None:
    standing(here, "alone", "bank", ownerReferences=[])
    record = here.run(
        when=[step(TAINT, Phase.WHEN, node="node-1", taint="fire:NoExecute", bare=bare)]
    )
    if bare:
        assert record.outcome is Outcome.PASSED, record.message
    else:
        assert "bank/alone would be deleted for good" in record.message
        assert not spec(here, "node-1").get("taints")


@pytest.mark.parametrize(("effect", "everywhere"), [("NoExecute", True), ("NoSchedule", False)])
def test_a_taint_that_removes_pods_needs_to_see_all_of_them(effect: str, everywhere: bool) -> None:
    asked = TAINT.rights(TAINT.parameters(node="n", taint=f"a:{effect}"), "shop")
    assert any(each.resource == "pods" and not each.namespace for each in asked) is everywhere


@pytest.mark.parametrize("replaced", [True, False])
def test_a_taint_is_taken_off_the_very_node_and_not_one_that_took_its_name(
    here: World, replaced: bool
) -> None:
    """A cloud gives a new machine the old one's name: its taint of the same key is not ours."""

    def exchange(entry: Any) -> None:
        if replaced and entry.text == "settled":
            taints = spec(here, "node-1")["taints"]
            here.cluster.remove(NODES, "", "node-1")
            here.cluster.put(NODES, {**node("node-1"), "spec": {"taints": taints}})

    here.on_entry = exchange
    here.run(when=[step(TAINT, Phase.WHEN, node="node-1", taint="fire=yes:NoSchedule")])
    assert bool(spec(here, "node-1").get("taints")) is replaced


def _taint(taints: list[dict[str, str]], node: Any) -> None:
    node["spec"]["taints"] = taints


def test_a_taint_that_is_there_already_is_not_ours_to_take_off(here: World) -> None:
    for mine, told in (
        ({"key": "fire", "effect": "NoSchedule"}, "node-1 already has the taint fire:NoSchedule;"),
        ({"key": "fire", "value": "y", "effect": "NoSchedule"}, "the taint fire=y:NoSchedule;"),
    ):
        here.cluster.change(NODES, "", "node-1", partial(_taint, [mine]))
        record = here.run(when=[step(TAINT, Phase.WHEN, node="node-1", taint="fire=x:NoSchedule")])
        assert record.outcome is Outcome.NOT_MEASURED
        assert told in record.message
        assert spec(here, "node-1")["taints"] == [mine]


def test_a_taint_with_another_value_that_came_first_is_no_proof(here: World) -> None:
    patch, theirs = here.cluster.patch, {"key": "fire", "value": "y", "effect": "NoSchedule"}

    def first(*arguments: object, **more: object) -> object:
        if theirs not in (spec(here, "node-1").get("taints") or ()):
            there = {"taints": [theirs]}
            here.cluster.change(NODES, "", "node-1", lambda obj: obj["spec"].update(there))
            raise errors.Conflict(409, "modified")
        return patch(*arguments, **more)  # type: ignore[arg-type]

    here.cluster.patch = first  # type: ignore[method-assign,assignment]
    record = here.run(when=[step(TAINT, Phase.WHEN, node="node-1", taint="fire=x:NoSchedule")])
    assert record.outcome is not Outcome.PASSED
    assert spec(here, "node-1")["taints"] == [theirs]


def test_a_conflicting_write_is_made_anew(here: World) -> None:
    patch, conflicts = here.cluster.patch, [errors.Conflict(409, "modified")] * 2

    def busy(*arguments: object, **more: object) -> object:
        if conflicts:
            raise conflicts.pop()
        return patch(*arguments, **more)  # type: ignore[arg-type]

    here.cluster.patch = busy  # type: ignore[method-assign,assignment]
    record = here.run(when=[step(TAINT, Phase.WHEN, node="node-1", taint="fire:NoSchedule")])
    assert record.outcome is Outcome.PASSED, record.message


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("a:NoSchedule", True),
        ("a=b:NoExecute", True),
        ("a=:PreferNoSchedule", True),
        ("a", False),
        ("a:Sometimes", False),
        (":NoSchedule", False),
        ("a=b=c:NoSchedule", False),
    ],
)
def test_a_taint_is_written_as_kubectl_writes_it(text: str, right: bool) -> None:
    assert (not TAINT.check(TAINT.parameters(node="n", taint=text))) is right


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"key": "fire", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "fire", "value": "yes"}, True),
        ({"key": "fire", "value": "no"}, False),
        ({"key": "fire", "operator": "Exists", "effect": "NoSchedule"}, False),
        ({"key": "fire", "operator": "Exists", "tolerationSeconds": 30}, False),
        ({"key": "water", "operator": "Exists"}, False),
    ],
)
def test_a_toleration_matches_a_taint_as_in_kubernetes(toleration: Object, tolerated: bool) -> None:
    taint = {"key": "fire", "value": "yes", "effect": "NoExecute"}
    assert tolerates({"spec": {"tolerations": [toleration]}}, taint) is tolerated


def test_of_equally_big_nodes_the_first_by_name_is_the_biggest() -> None:
    nodes = [{"metadata": {"name": name}} for name in ("n2", "n3", "n1")]
    pods = [
        {"metadata": {"name": f"p-{node}"}, "spec": {"nodeName": node}} for node in ("n3", "n2")
    ]
    [found] = pick("biggest", nodes, pods, "shop", Random(1))
    assert found["metadata"]["name"] == "n2"
