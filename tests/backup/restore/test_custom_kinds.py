"""Custom resources whose definition is refused, left out, changed, or converted by a webhook that
is restored with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from resilience.backup.format.errors import RestoreRefused
from resilience.backup.objects.selection import Pattern, Selection
from resilience.backup.restore.outcome import RestoreReport
from resilience.backup.restore.served_kinds import Kinds, MissingKind
from resilience.backup.restore.writes.server_refusals import is_hook_away
from resilience.backup.store.memory import MemoryStore
from resilience.cluster.errors import ApiError, Forbidden, ServerTrouble
from resilience.cluster.interface import Object, Resource
from tests.backup.fakes import RESOURCES, FakeClock, FakeCluster, config_map
from tests.backup.restore.restoring import brought_back, created, stored

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
DEFINITION: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {"group": "example.com"},
}
WIDGET: Object = {
    "apiVersion": "example.com/v1",
    "kind": "Widget",
    "metadata": {"name": "w", "namespace": "shop"},
}
SERVER: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "hook", "namespace": "shop"},
    "spec": {"selector": {"matchLabels": {"app": "hook"}}},
}
ESTABLISHED = [{"type": each, "status": "True"} for each in ("Established", "NamesAccepted")]
CONVERSION = "conversion webhook for example.com/v1, Kind=Widget failed: "
AWAY = ServerTrouble(
    500, CONVERSION + 'Post "https://hook.shop.svc:443/convert": service "hook" not found'
)
DENIED = Forbidden(403, 'admission webhook "deny.example.com" denied the request: no')


def snapshot() -> MemoryStore:
    source = FakeCluster((*RESOURCES, WIDGETS))
    source.namespace("shop")
    source.add(DEFINITION, WIDGET, SERVER, config_map("settings"))
    return stored(source)


class Target(FakeCluster):
    """Serves the kind as soon as its definition was looked at."""

    def refuse(
        self, kind: str, problem: ApiError, when: Callable[[str], bool] = lambda verb: True
    ) -> None:
        """Answer so to every create of a kind, also as a dry run."""

        def fault(verb: str, asked: str, namespace: str, name: str) -> None:
            if verb in ("create", "dry-create") and asked == kind and when(verb):
                raise problem

        self.faults.append(fault)

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        found = super().get(resource, name, namespace)
        if resource.plural == "customresourcedefinitions":
            self.serve(WIDGETS)
            found["status"] = {"conditions": ESTABLISHED}
        return found


def bad(report: RestoreReport) -> list[str]:
    return [f"{item.kind} {item.name}: {item.outcome.value}" for item in report.bad]


def test_a_definition_that_is_refused_in_the_act_is_named_and_nothing_stays() -> None:
    target = Target()
    target.refuse(CRDS, DENIED, lambda verb: verb == "create")
    with pytest.raises(RestoreRefused, match=r"(?s)widgets.*denied.*shop/w: would be"):
        brought_back(snapshot(), target)
    assert ("namespaces", "", "shop") not in target.objects


def test_a_namespace_that_is_refused_in_the_act_is_named_and_nothing_stays() -> None:
    target = Target()
    target.refuse("namespaces", DENIED, lambda verb: verb == "create")
    with pytest.raises(RestoreRefused, match=r"(?s)1 object in the way.*namespaces shop.*denied"):
        brought_back(snapshot(), target)
    assert (CRDS, "", "widgets.example.com") not in target.objects


def test_unasked_a_refused_definition_costs_its_objects_and_no_others() -> None:
    target = Target()
    target.refuse(CRDS, DENIED)
    report = brought_back(snapshot(), target, ask_first=False)
    assert bad(report) == [f"{CRDS} widgets.example.com: failed", "widgets.example.com w: failed"]
    assert {"deployments.apps", "configmaps"} <= set(created(target))


@pytest.mark.parametrize(
    "selection",
    [
        Selection(cluster_scoped=False),
        Selection(exclude=(Pattern("customresourcedefinitions"),)),
        Selection(exclude=(Pattern("crds", "*"), Pattern(CRDS))),
        Selection(namespaces=("shop",), exclude=(Pattern(CRDS),)),
    ],
)
def test_a_definition_that_is_left_out_does_not_come(selection: Selection) -> None:
    target = Target()
    with pytest.raises(RestoreRefused, match=r"not started.*\n.*not serve widgets\.example\.com"):
        brought_back(snapshot(), target, selection=selection)
    assert created(target) == []


@pytest.mark.parametrize(
    "selection", [Selection(), Selection(include=(Pattern("widgets"),))], ids=["all", "widgets"]
)
def test_a_definition_that_is_only_needed_comes_with_its_objects(selection: Selection) -> None:
    target = Target()
    assert brought_back(snapshot(), target, selection=selection).complete
    assert ("widgets.example.com", "shop", "w") in target.objects


@pytest.mark.parametrize("namespace", [True, False])
def test_what_a_restored_server_converts_comes_when_it_is_there(namespace: bool) -> None:
    target = Target()
    if namespace:
        target.namespace("shop")
    server = ("deployments.apps", "shop", "hook")
    target.refuse("widgets.example.com", AWAY, lambda verb: server not in target.objects)
    assert brought_back(snapshot(), target).complete
    assert created(target)[-1] == "widgets.example.com"


def test_a_conversion_whose_server_stays_away_costs_its_objects_and_no_others() -> None:
    target = Target()
    target.refuse("widgets.example.com", AWAY)
    report = brought_back(snapshot(), target)
    assert bad(report) == ["widgets.example.com w: failed"]
    assert ("deployments.apps", "shop", "hook") in target.objects


def test_what_a_converter_itself_refuses_is_not_waited_for() -> None:
    assert is_hook_away(f"{AWAY}")
    assert is_hook_away('failed calling webhook "a.example.com": connection refused')
    assert not is_hook_away(CONVERSION + "invalid hostPort value `nonsense`")
    assert not is_hook_away('Post "https://hook.shop.svc:443/convert": no')


def test_a_kind_of_another_scope_is_refused_with_what_leaves_it_out() -> None:
    target = FakeCluster((*RESOURCES, Resource("example.com", "v1", "widgets", "Widget", False)))
    target.add(DEFINITION)
    with pytest.raises(RestoreRefused, match=r"leave it out with --exclude widgets\.example\.com"):
        brought_back(snapshot(), target)
    assert created(target) == []


@pytest.mark.parametrize(
    ("kind", "api", "step"),
    [
        ("widgets.example.com", "example.com/v1beta1",
         "serves example.com/v1: install a definition that serves it, or leave it out with "
         "--exclude widgets.example.com"),
        ("deployments.apps", "apps/v1beta1",
         "serves apps/v1: leave it out with --exclude deployments.apps"),
        ("gadgets.example.com", "example.com/v1",
         "does not serve gadgets.example.com: install its definition, or leave it out with "
         "--exclude gadgets.example.com"),
    ],
)  # fmt: skip
def test_a_version_that_is_not_served_has_a_next_step(kind: str, api: str, step: str) -> None:
    kinds = Kinds(FakeCluster((*RESOURCES, WIDGETS)), FakeClock())
    missing = kinds.of(kind, {"apiVersion": api, "kind": "X"})
    assert isinstance(missing, MissingKind)
    assert missing.reason.endswith(step)
