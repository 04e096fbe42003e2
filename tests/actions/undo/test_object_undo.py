"""Every verb with an undo: what someone else changed in between is theirs, the rest is put back.

A verb that is new, ours or not, fails here until its undo is one of these kinds.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from resilience.actions.nodes.cordon import VERB as CORDON
from resilience.actions.nodes.taint import VERB as TAINT
from resilience.actions.objects.apply import VERB as APPLY
from resilience.actions.pods.quarantine import VERB as QUARANTINE
from resilience.actions.undo import object_undo, reverting
from resilience.actions.workloads.scale import VERB as SCALE
from resilience.actions.workloads.set_image import VERB as SET_IMAGE
from resilience.actions.workloads.suspend import VERB as SUSPEND
from resilience.cluster.interface import (
    CONFIGMAPS,
    CRONJOBS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    POLICIES,
    Object,
    Resource,
)
from resilience.engine.journal.undo_context import Undoing
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.values import Reference, RunId
from resilience.model.verb import Phase, Verb
from resilience.model.verdict import Outcome
from resilience.verbs.catalogue import catalogue
from resilience.verbs.context import ChangedSince
from tests.actions.nodes.test_zone import node
from tests.actions.pods.test_pod_actions import let_go
from tests.engine.helpers import World, step, world

RUN = RunId("r1")

CHANGING = ("apply", "cordon", "drain", "quarantine", "restore", "scale", "set_image", "suspend",
            "taint", "zone")  # fmt: skip
CREATING = ("apply", "chaos_mesh", "crash", "node_down", "partition", "run_job")
OTHERWISE = {
    "dns": "a prober of a random name, that nobody else uses",
    "grpc": "a prober of a random name, that nobody else uses",
    "http": "a prober of a random name, that nobody else uses",
    "journey": "a prober of a random name, that nobody else uses",
    "ledger": "keys of the run in the application's own store: tests.ledger.test_in_sandbox",
    "node_down": "machines: tests.actions.nodes.test_machines",
    "reboot": "machines: tests.actions.nodes.test_machines",
    "redis": "a prober of a random name, that nobody else uses",
    "sql": "a prober of a random name, that nobody else uses",
    "tcp": "a prober of a random name, that nobody else uses",
}


def test_every_verb_with_an_undo_is_of_a_known_kind() -> None:
    verbs = catalogue()
    undone = {name for name in verbs.names() if getattr(verbs.find(name), "undo", None)}
    assert undone == {*CHANGING, *CREATING, *OTHERWISE}


class Acting:
    """As much of an action's context as changing an object takes."""

    def __init__(self, here: World) -> None:
        self.cluster, self.run = here.cluster, RUN
        self.undos: dict[str, Mapping[str, Any]] = {}

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        self.undos[text] = copy.deepcopy(data)
        return text

    def amend_undo(self, undo: str, data: Mapping[str, Any]) -> None:
        self.undos[undo] = copy.deepcopy(data)

    def forget_undo(self, undo: str) -> None:
        del self.undos[undo]


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world()
    made.cluster.serve(POLICIES)
    for name in ("node-1", "node-2"):
        made.cluster.put(NODES, node(name, "a"))
    made.deploy()
    made.directory = tmp_path
    return made


def undoing(here: World, *, force: bool = False) -> Undoing:
    return Undoing(cluster=here.cluster, run=RUN, clock=here.clock, deadline=200.0, force=force)


def verb(name: str) -> Verb:
    found = catalogue().find(name)
    assert isinstance(found, Verb)
    assert found.undo is not None
    return found


def there(here: World, resource: Resource, name: str) -> Object:
    namespace = "shop" if resource.namespaced else ""
    return copy.deepcopy(here.cluster.have(resource, name, namespace))


def changed(here: World) -> Mapping[str, Any]:
    """The record of a change of ours: two keys of a ConfigMap."""
    data = {"metadata": {"name": "a", "namespace": "shop"}, "data": {"colour": "red"}}
    prior, acting = here.cluster.put(CONFIGMAPS, data), Acting(here)
    reverting.change(
        acting, CONFIGMAPS, prior,  # type: ignore[arg-type]
        lambda now: now["data"].update(colour="blue", size="9"), "put it back",
    )  # fmt: skip
    return acting.undos["put it back"]


@pytest.mark.parametrize("name", CHANGING)
def test_a_change_is_taken_back_without_anybody_else(here: World, name: str) -> None:
    data, undo = changed(here), verb(name).undo
    assert undo is not None
    assert there(here, CONFIGMAPS, "a")["data"] == {"colour": "blue", "size": "9"}
    undo(data, undoing(here))
    undo(data, undoing(here))  # safe to repeat
    assert there(here, CONFIGMAPS, "a")["data"] == {"colour": "red"}


@pytest.mark.parametrize("name", CHANGING)
def test_of_a_change_only_what_is_still_ours_is_taken_back(here: World, name: str) -> None:
    data, undo = changed(here), verb(name).undo
    assert undo is not None
    theirs = {"colour": "green", "size": "9", "release": "2.50"}
    here.cluster.change(CONFIGMAPS, "shop", "a", lambda obj: obj.update(data=theirs))
    with pytest.raises(ChangedSince, match=r'data.colour is "green", and this run set "blue"'):
        undo(data, undoing(here))
    assert there(here, CONFIGMAPS, "a")["data"] == {"colour": "green", "release": "2.50"}
    undo(data, undoing(here, force=True))
    assert there(here, CONFIGMAPS, "a")["data"] == {"colour": "red", "release": "2.50"}


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("force", [False, True])
def test_an_object_that_took_the_name_of_ours_is_never_touched(
    here: World, name: str, force: bool
) -> None:
    """chaos-mesh#1465 and #320: victims are replaced while a fault is on them. The new one happens
    to have the very values that the run set."""
    data, undo = changed(here), verb(name).undo
    assert undo is not None
    here.cluster.delete(CONFIGMAPS, "a", "shop")
    undo(data, undoing(here, force=force))
    theirs = {"colour": "blue", "size": "9"}
    body = {"metadata": {"name": "a", "namespace": "shop", "uid": "another"}, "data": theirs}
    here.cluster.put(CONFIGMAPS, body)
    undo(data, undoing(here, force=force))
    assert there(here, CONFIGMAPS, "a")["data"] == theirs


def created(here: World, resource: Resource, content: Object) -> Mapping[str, Any]:
    """The record of an object of ours, which exists."""
    meta = {"name": "a", "annotations": {reverting.RUN: RUN}}
    body = {"metadata": meta | ({"namespace": "shop"} if resource.namespaced else {}), **content}
    data = object_undo.creation(resource, body, RUN)
    return object_undo.made(resource, data, here.cluster.put(resource, body))


CONTENT: tuple[tuple[Resource, Object, Callable[[Object], Any]], ...] = (
    (CONFIGMAPS, {"data": {"a": "b"}}, lambda obj: obj["data"].update(release="2.50")),
    (POLICIES, {"spec": {"ingress": []}}, lambda obj: obj["spec"].update(ingress=[{}])),
    (JOBS, {"spec": {}}, lambda obj: obj["metadata"].pop("annotations")),
)


@pytest.mark.parametrize("name", CREATING)
@pytest.mark.parametrize(("resource", "content", "edit"), CONTENT,
                         ids=[resource.kind for resource, _, _ in CONTENT])  # fmt: skip
def test_what_a_run_created_is_deleted_unless_somebody_edited_it(
    here: World, name: str, resource: Resource, content: Object, edit: Callable[[Object], Any]
) -> None:
    undo = verb(name).undo
    assert undo is not None
    undo(created(here, resource, content), undoing(here))
    assert not here.cluster.find(resource, "shop")
    data = created(here, resource, content)
    here.cluster.change(resource, "shop", "a", edit)
    with pytest.raises(ChangedSince, match="is not deleted"):
        undo(data, undoing(here))
    assert here.cluster.find(resource, "shop")
    undo(data, undoing(here, force=True))
    assert not here.cluster.find(resource, "shop")


def test_what_a_controller_writes_keeps_nothing_from_being_deleted(here: World) -> None:
    content = {"spec": {"replicas": 2, "template": {"spec": {}}}, "status": {}}
    data = created(here, DEPLOYMENTS, content)
    here.cluster.change(DEPLOYMENTS, "shop", "a", lambda obj: obj["spec"].update(replicas=9))
    here.cluster.change(DEPLOYMENTS, "shop", "a", lambda obj: obj["status"].update(replicas=9))
    object_undo.undo(data, undoing(here))
    assert not [each for each in here.cluster.find(DEPLOYMENTS) if objects.name(each) == "a"]


def test_an_object_with_a_kept_change_is_not_deleted_by_whoever_created_it(here: World) -> None:
    data, context = created(here, CONFIGMAPS, {"data": {}}), undoing(here)
    context.keep(str(data["uid"]))
    with pytest.raises(ChangedSince):
        object_undo.undo(data, context)


@pytest.mark.parametrize(
    ("resource", "more", "is_theirs"),
    [
        (JOBS, {}, True),
        (JOBS, {"annotations": {reverting.RUN: RUN}}, False),
        (PODS, {"ownerReferences": [{"uid": "x", "controller": True}]}, False),
        (CONFIGMAPS, {}, False),  # an application's own, say
        (CONFIGMAPS, {"managedFields": [{"manager": "kubectl-create"}]}, True),
    ],
)
def test_a_namespace_is_not_deleted_with_what_somebody_else_put_into_it(
    here: World, resource: Resource, more: Object, is_theirs: bool
) -> None:
    data = created(here, NAMESPACES, {})
    meta = {"name": "theirs", "namespace": "a", **more}
    here.cluster.put(resource, {"metadata": meta, "spec": {}})
    if not is_theirs:
        object_undo.undo(data, undoing(here))
        assert "a" not in [objects.name(each) for each in here.cluster.find(NAMESPACES)]
        return
    with pytest.raises(ChangedSince, match=f"{resource.kind} theirs"):
        object_undo.undo(data, undoing(here))
    assert not objects.is_terminating(there(here, NAMESPACES, "a"))


# ----- whole runs: what a person does between the action and the undo

CRONJOB = {"metadata": {"name": "report", "namespace": "shop"}, "spec": {"schedule": "0 0 1 1 *"}}
WEB = Reference.parse("deployment/web")
Edit = Callable[[Object], None]
Case = tuple[Verb, dict[str, Any], Resource, str, Edit, Callable[[Object], Any]]

CASES: Mapping[str, Case] = {
    "scale": (SCALE, {"workload": WEB, "replicas": 5}, DEPLOYMENTS, "web",
              lambda obj: obj["spec"].update(replicas=7),
              lambda obj: obj["spec"]["replicas"]),
    "set_image": (SET_IMAGE, {"workload": WEB, "image": "web:broken"}, DEPLOYMENTS, "web",
                  lambda obj: obj["spec"]["template"]["spec"]["containers"][0].update(
                      image="web:2.50"),
                  lambda obj: obj["spec"]["template"]["spec"]["containers"][0]["image"]),
    "suspend": (SUSPEND, {"workload": Reference.parse("cronjob/report")}, CRONJOBS, "report",
                lambda obj: obj["spec"].update(suspend=None),
                lambda obj: obj["spec"]["suspend"]),
    "taint": (TAINT, {"node": "node-1", "taint": "fire=1:NoSchedule"}, NODES, "node-1",
              lambda obj: obj["spec"]["taints"][0].update(value="2"),
              lambda obj: obj["spec"]["taints"]),
    "cordon": (CORDON, {"node": "node-1"}, NODES, "node-1",
               lambda obj: obj["metadata"].update(annotations={}),
               lambda obj: obj["spec"]["unschedulable"]),
    "quarantine": (QUARANTINE, {"pods": Selector.parse("app=web"), "count": 1}, PODS, "",
                   lambda obj: obj["metadata"].update(labels={"app": "mine"}),
                   lambda obj: obj["metadata"]["labels"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_a_person_does_during_the_run_survives_it_and_is_told(here: World, name: str) -> None:
    chosen, parameters, resource, called, edit, read = CASES[name]
    here.cluster.put(CRONJOBS, CRONJOB)
    if chosen is QUARANTINE:
        let_go(here)
    where, found = "shop" if resource.namespaced else "", dict[str, Any]()

    def by_hand(entry: Any) -> None:
        if entry.text == "settled":
            victims = [each.facts["name"] for each in here.entries if "why" in each.facts]
            found["name"] = called or victims[0]
            here.cluster.change(resource, where, found["name"], edit)
            found["value"] = read(there(here, resource, found["name"]))

    here.on_entry = by_hand
    record = here.run(when=[step(chosen, Phase.WHEN, **parameters)])
    assert record.outcome is Outcome.UNDO_INCOMPLETE, record.message
    assert "was changed by someone else since" in record.message
    assert read(there(here, resource, found["name"])) == found["value"]
    assert here.sink.lines[-2]["op"] == "kept"
    assert here.sink.finished is False


def test_a_key_that_a_person_adds_during_the_run_stays_and_nothing_is_left(here: World) -> None:
    body = {"metadata": {"name": "settings", "namespace": "shop"}, "data": {"colour": "red"}}
    here.cluster.put(CONFIGMAPS, body)
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: blue}\n"
    (here.directory / "x.yaml").write_text(manifest)
    here.on_entry = lambda entry: (
        here.cluster.change(CONFIGMAPS, "shop", "settings", lambda o: o["data"].update(mine="1"))
        if entry.text == "settled" else None
    )  # fmt: skip
    record = here.run(when=[step(APPLY, Phase.WHEN, file=Path("x.yaml"))])
    assert record.outcome is Outcome.PASSED, record.message
    assert there(here, CONFIGMAPS, "settings")["data"] == {"colour": "red", "mine": "1"}


def test_what_is_written_while_the_action_writes_is_not_taken_for_ours(here: World) -> None:
    """The write carries the version that it was made from, and is made anew."""
    patch, first = here.cluster.patch, [True]

    def beaten(resource: Resource, *arguments: Any, **more: Any) -> Object:
        if resource == CONFIGMAPS and first and not more.get("dry_run"):
            first.clear()
            here.cluster.change(CONFIGMAPS, "shop", "a", lambda o: o["data"].update(mine="1"))
        return patch(resource, *arguments, **more)

    here.cluster.patch = beaten  # type: ignore[method-assign]
    object_undo.undo(changed(here), undoing(here))
    assert there(here, CONFIGMAPS, "a")["data"] == {"colour": "red", "mine": "1"}
