"""A part of a snapshot: what was chosen comes back, and nothing else stands in its way."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.format.errors import BadRequest, RestoreRefused
from resilience.backup.objects.selection import Pattern, Selection, unmatched
from resilience.backup.restore.outcome import Outcome, RestoreReport
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.kube.selectors import Selector
from tests.backup.fakes import FakeClock, FakeCluster, config_map, shop


def kept() -> MemoryStore:
    source, store = shop(), MemoryStore()
    source.namespace("other")
    source.add(config_map("theirs", "other", a="1"), config_map("more", "shop", a="1"))
    source.add({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                "metadata": {"name": "fast"}})  # fmt: skip
    scope = Scope(namespaces=("shop", "other"), cluster="all")
    create(Request(name="one", scope=scope), source, store, clock=FakeClock())
    return store


def back(target: FakeCluster, **selection: Any) -> RestoreReport:
    for key in ("include", "exclude"):
        selection[key] = tuple(map(Pattern.parse, selection.get(key, ())))
    request = RestoreRequest(name="r", workers=1, selection=Selection(**selection))
    return restore(request, opened(kept(), "one"), target, clock=FakeClock())


def created(target: FakeCluster) -> set[str]:
    return {"/".join(filter(None, key)) for key in target.objects} - {"namespaces/kube-system"}


def test_one_namespace_comes_back_although_another_differs() -> None:
    target = FakeCluster()
    target.namespace("other")
    target.add(config_map("theirs", "other", a="changed"))
    with pytest.raises(RestoreRefused):
        back(target)
    assert back(target, namespaces=("shop",)).complete
    assert target.objects["configmaps", "other", "theirs"]["data"] == {"a": "changed"}
    assert ("deployments.apps", "shop", "checkout") in target.objects
    assert ("storageclasses.storage.k8s.io", "", "fast") in target.objects


def test_what_is_in_no_namespace_and_differs_does_not_stop_one_namespace() -> None:
    target = FakeCluster()
    target.add({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "other",
                "metadata": {"name": "fast"}})  # fmt: skip
    assert back(target, namespaces=("shop",)).complete
    key = ("storageclasses.storage.k8s.io", "", "fast")
    assert target.objects[key]["provisioner"] == "other"


@pytest.mark.parametrize("kind", ["secrets", "Secret", "secret", "secrets/password", "sec*/pass*"])
def test_one_kind_or_object_comes_back_with_its_namespace(kind: str) -> None:
    target = FakeCluster()
    report = back(target, include=[kind])
    assert report.counts == {Outcome.CREATED: 2}
    assert created(target) == {"namespaces/shop", "secrets/shop/password"}


def test_kubectls_short_names_are_understood() -> None:
    target = FakeCluster()
    assert back(target, include=["cm/settings"]).complete
    assert created(target) == {"namespaces/shop", "configmaps/shop/settings"}


@pytest.mark.parametrize(
    ("short", "resource", "kind"),
    [("rc", "replicationcontrollers", "ReplicationController"),
     ("pc", "priorityclasses.scheduling.k8s.io", "PriorityClass"),
     ("vac", "volumeattributesclasses.storage.k8s.io", "VolumeAttributesClass")],
)  # fmt: skip
def test_a_short_name_matches_its_kind_alone(short: str, resource: str, kind: str) -> None:
    assert Pattern.parse(short).matches(resource, kind, "x")
    assert not Pattern.parse(short).matches("configmaps", "ConfigMap", "x")


def test_a_namespace_that_differs_is_left_when_only_something_in_it_was_chosen() -> None:
    target = FakeCluster()
    target.namespace("shop", labels={"team": "another"})
    assert back(target, include=["configmaps/settings"]).complete
    assert target.objects["namespaces", "", "shop"]["metadata"]["labels"] == {"team": "another"}


def test_what_is_excluded_stays_away() -> None:
    target = FakeCluster()
    back(target, exclude=["deployments.apps", "configmaps/more"])
    assert "deployments.apps/shop/checkout" not in created(target)
    assert "configmaps/shop/more" not in created(target)
    assert "configmaps/shop/settings" in created(target)


def test_labels_choose_among_all_kinds() -> None:
    target = FakeCluster()
    assert back(target, labels=Selector.parse("team=checkout")).complete
    assert created(target) == {"namespaces/shop"}


def test_a_choice_that_matches_nothing_is_an_error() -> None:
    target = FakeCluster()
    with pytest.raises(BadRequest, match="nothing in snapshot one matches"):
        back(target, include=["configmaps/setings"])
    assert created(target) == set()


@pytest.mark.parametrize("text", ["", "/name", "configmaps/", "a/b/c"])
def test_what_is_no_kind_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="is not a kind"):
        Pattern.parse(text)


def test_a_whole_restore_leaves_nothing_out() -> None:
    target = FakeCluster()
    report = back(target)
    assert report.counts[Outcome.CREATED] == len(report.items)
    assert "storageclasses.storage.k8s.io/fast" in created(target)


HELD = [
    ("namespaces", "Namespace", "", "shop"),
    ("namespaces", "Namespace", "", "empty"),
    ("deployments.apps", "Deployment", "shop", "web"),
    ("widgets.example.com", "Widget", "shop", "w"),
]


KINDS = "its kinds: deployments.apps, namespaces, widgets.example.com"
WBE = "--exclude deployments/wbe"


@pytest.mark.parametrize(
    ("selection", "status", "option", "there_is"),
    [
        (Selection(), (), "", ""),
        (Selection(include=(Pattern("deployments"),), namespaces=("sh*",)), ("widgets.*",), "", ""),
        (Selection(exclude=(Pattern.parse("deploy/web"), Pattern.parse("deploy/wbe"))), (),
         WBE, "did you mean `web`?; its deployments: web"),
        (Selection(include=(Pattern("secrets"), Pattern("widgets"))), (),
         "--include secrets", KINDS),
        (Selection(namespaces=("empty",)), (), "", ""),
        (Selection(namespaces=("shop", "shpo")), (),
         "--namespace shpo", "did you mean `shop`?; its namespaces: empty, shop"),
        (Selection(), ("widget", "widgets.example.com"), "--status widget", KINDS),
    ],
)  # fmt: skip
def test_a_pattern_without_an_effect_is_told(
    selection: Selection, status: tuple[str, ...], option: str, there_is: str
) -> None:
    found = unmatched(selection, status, iter(HELD))
    told = [f"{option} matches nothing in the snapshot; {there_is}"] if option else []
    assert found == told
