"""A rehearsal asks what the act will do: where it passes, nothing already there refuses it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from resilience.backup.catalog.catalog import opened
from resilience.backup.format.errors import RestoreRefused
from resilience.backup.restore.outcome import Outcome, RestoreReport
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.errors import Forbidden, Invalid, ServerTrouble
from resilience.cluster.interface import Object, Resource
from tests.backup.fakes import RESOURCES, FakeClock, FakeCluster, config_map, deployment

OLD = Resource("networking.k8s.io", "v1beta1", "ingresses", "Ingress")
TWIN = Resource("extensions", "v1beta1", "ingresses", "Ingress")


class Strict(FakeCluster):
    """Refuses what a real API server would, asked or done."""

    def create(
        self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
    ) -> Object:
        there = not resource.namespaced or ("namespaces", "", namespace) in self.objects
        if there and (body.get("data") or {}).get("evil"):
            raise Forbidden(403, 'admission webhook "policy" denied the request')
        account = (body.get("spec") or {}).get("serviceAccountName")
        if account and ("serviceaccounts", namespace, account) not in self.objects:
            raise Forbidden(403, f"error looking up service account {namespace}/{account}")
        return super().create(resource, body, namespace, dry_run=dry_run)

    def patch(
        self, resource: Resource, name: str, body: Any, namespace: str = "", **options: Any
    ) -> Object:
        old = self.have(resource, name, namespace)
        if old.get("immutable") and "data" in body:
            raise Invalid(422, "data: Forbidden: field is immutable when `immutable` is set")
        if "selector" in body.get("spec", {}):
            raise Invalid(422, "spec.selector: field is immutable")
        if (body.get("data") or {}).get("evil"):
            raise Forbidden(403, 'admission webhook "policy" denied the request')
        return super().patch(resource, name, body, namespace, **options)


def kept(*objects: Object, source: FakeCluster | None = None) -> MemoryStore:
    source, store = source or FakeCluster(), MemoryStore()
    source.namespace("shop")
    source.add(*copy.deepcopy(objects))
    create(Request(name="one", scope=Scope(namespaces=("shop",))), source, store, clock=FakeClock())
    return store


def act(store: MemoryStore, target: FakeCluster, **options: Any) -> RestoreReport:
    given: dict[str, Any] = {"name": "back", "workers": 1} | options
    request = RestoreRequest(**given)
    return restore(request, opened(store, "one"), target, clock=FakeClock())


def frozen(name: str, value: str) -> Object:
    return config_map(name, value=value) | {"immutable": True}


def test_a_patch_that_the_server_refuses_is_refused_in_the_rehearsal() -> None:
    target = Strict()
    target.namespace("shop")
    target.add(frozen("settings", "other"), deployment("web"))
    target.objects["deployments.apps", "shop", "web"]["spec"]["selector"] = {"matchLabels": {}}
    store = kept(frozen("settings", "mine"), deployment("web"))
    report = act(store, target, existing="update", dry_run=True)
    reasons = {item.name: item.reason for item in report.bad}
    assert "field is immutable when" in reasons["settings"]
    assert "spec.selector" in reasons["web"]
    with pytest.raises(RestoreRefused, match="field is immutable"):
        act(store, target, existing="update")


def test_the_rehearsal_sends_the_requests_of_the_act() -> None:
    """The same bodies, marks included: what differs is dryRun alone. Only a Pod of the Deployment
    is asked for beside them."""
    sent: dict[bool, list[Object]] = {True: [], False: []}

    class Recording(FakeCluster):
        def create(
            self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
        ) -> Object:
            sent[dry_run].append(copy.deepcopy(body))
            return super().create(resource, body, namespace, dry_run=dry_run)

        def patch(
            self, resource: Resource, name: str, body: Any, *rest: Any, **more: Any
        ) -> Object:
            sent[bool(more.get("dry_run"))].append(copy.deepcopy(body))
            return super().patch(resource, name, body, *rest, **more)

    target = Recording()
    target.namespace("shop")
    target.add(config_map("settings", greeting="bye"))
    for records in sent.values():
        records.clear()
    store = kept(config_map("settings", greeting="hello"), deployment("web"))
    act(store, target, existing="update", dry_run=True)
    act(store, target, existing="update", ask_first=False)
    *alike, pod = sent[True]
    assert alike == sent[False]
    assert alike
    assert pod["spec"] == deployment("web")["spec"]["template"]["spec"]


def test_what_cannot_be_asked_before_its_namespace_exists_is_asked_as_soon_as_it_does() -> None:
    target, store = Strict(), kept(config_map("good"), config_map("settings", evil="yes"))
    before = set(target.objects)
    assert act(store, target, dry_run=True).counts[Outcome.UNASKED] == 2
    with pytest.raises(RestoreRefused, match=r"settings.*denied the request") as told:
        act(store, target)
    assert "only namespaces and definitions were created" in str(told.value)
    assert set(target.objects) == before


def test_a_refusal_for_lack_of_what_is_restored_first_stops_nothing() -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot",
               "namespace": "shop"}}  # fmt: skip
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare", "namespace": "shop"},
           "spec": {"serviceAccountName": "robot", "containers": [{"name": "a"}]}}  # fmt: skip
    target = Strict()
    target.namespace("shop")
    report = act(kept(account, pod), target, dry_run=True)
    assert not list(report.bad)
    (asked,) = [item for item in report.items if item.outcome is Outcome.UNASKED]
    assert "serviceaccounts shop/robot is restored first" in asked.reason
    assert act(kept(account, pod), target).complete


@pytest.mark.parametrize(
    "trouble",
    [
        ServerTrouble(500, 'Internal error: failed calling webhook "check": connection refused'),
        Invalid(400, 'admission webhook "check" does not support dry run'),
    ],
)
def test_a_webhook_that_cannot_be_asked_is_no_refusal(trouble: Exception) -> None:
    target = FakeCluster()
    target.namespace("shop")

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("dry-create", "configmaps"):
            raise trouble

    target.faults.append(fault)
    assert act(kept(config_map("a")), target).complete


ADMISSION = {
    "a quota that is used up": Forbidden(403, "exceeded quota: q, used: count/configmaps=1"),
    "a webhook that denies": Forbidden(403, 'admission webhook "policy" denied the request'),
    "a webhook that is away": ServerTrouble(500, 'failed calling webhook "check": no endpoints'),
}


@pytest.mark.parametrize("refusal", ADMISSION.values(), ids=list(ADMISSION))
@pytest.mark.parametrize("existing", ["fail", "skip", "update"])
def test_what_admission_refuses_and_exists_is_an_existing_object(
    refusal: Exception, existing: str
) -> None:
    """The API server asks a quota and webhooks before it looks for the name."""
    target = FakeCluster()
    target.namespace("shop")
    target.add(config_map("settings", value="mine"))

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if verb.endswith("create") and kind == "configmaps":
            raise refusal

    target.faults.append(fault)
    store = kept(config_map("settings", value="mine"))
    for dry_run in (True, False):
        report = act(store, target, existing=existing, dry_run=dry_run, patience=1)
        assert report.complete, list(map(str, report.items))
        assert report.counts[Outcome.EQUAL]
        assert not report.counts[Outcome.UNASKED]


def test_what_a_webhook_of_the_namespace_itself_keeps_out_comes_when_its_server_is_there() -> None:
    """The configuration outlived the namespace: its server is restored after what it judges."""
    target = FakeCluster()

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        served = ("deployments.apps", "shop", "hook") in target.objects
        if verb == "create" and kind in ("configmaps", "secrets") and not served:
            raise ServerTrouble(500, 'failed calling webhook "check": no endpoints')

    target.faults.append(fault)
    secret = {"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA=="},
              "metadata": {"name": "s", "namespace": "shop"}}  # fmt: skip
    many = [config_map(f"c{number}") for number in range(3)]
    report = act(kept(*many, secret, deployment("hook")), target)
    assert report.complete, list(map(str, report.items))
    assert report.counts[Outcome.CREATED] == 6
    assert len({(item.kind, item.name) for item in report.items}) == len(report.items)


def test_a_webhook_that_stays_away_is_told_at_the_end() -> None:
    target, clock = FakeCluster(), FakeClock()

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if verb == "create" and kind == "configmaps":
            raise ServerTrouble(500, 'failed calling webhook "check": no endpoints')

    target.faults.append(fault)
    store = kept(config_map("a"), deployment("web"))
    request = RestoreRequest(name="back", workers=1, patience=60)
    began = clock.monotonic()
    report = restore(request, opened(store, "one"), target, clock=clock)
    (bad,) = report.bad
    assert "failed calling webhook" in bad.reason
    assert bad.reason.endswith("if nothing needs it any more, and restore again")
    assert ("deployments.apps", "shop", "web") in target.objects
    assert clock.monotonic() - began < 70


def test_a_namespace_that_goes_is_waited_for_once_and_told_with_what_keeps_it() -> None:
    target, clock = FakeCluster(), FakeClock()
    target.namespace("shop")
    here = target.objects["namespaces", "", "shop"]
    here["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    message = "example.com/hold in 1 resource instances"
    here["status"] = {"conditions": [{"type": "Some", "status": "True", "message": message}]}
    store = kept(*(config_map(f"c{number}") for number in range(40)))
    request = RestoreRequest(name="back", workers=1, patience=30)
    began = clock.monotonic()
    with pytest.raises(RestoreRefused, match=r"shop is being deleted.*example.com/hold in 1"):
        restore(request, opened(store, "one"), target, clock=clock)
    assert 29 < clock.monotonic() - began < 32
    with pytest.raises(RestoreRefused, match="shop is being deleted"):
        act(store, target, dry_run=True)
    assert [each for each in target.requests if each[0].endswith("create")] == []


def going(target: FakeCluster) -> Object:
    target.namespace("shop")
    target.add(config_map("settings", value="mine"))
    live = target.objects["configmaps", "shop", "settings"]
    live["metadata"] |= {"deletionTimestamp": "2026", "finalizers": ["example.com/hold"]}
    return live


def test_an_object_that_is_being_deleted_is_no_equal_one() -> None:
    target, clock = FakeCluster(), FakeClock()
    live = going(target)
    store = kept(config_map("settings", value="mine"))
    rehearsed = act(store, target, dry_run=True)
    (asked,) = [item for item in rehearsed.items if item.outcome is Outcome.UNASKED]
    assert asked.reason == "the existing one is being deleted, held by example.com/hold"
    request = RestoreRequest(name="back", workers=1, patience=20)
    began = clock.monotonic()
    report = restore(request, opened(store, "one"), target, clock=clock)
    (bad,) = report.bad
    assert "held by example.com/hold (still so after waiting)" in bad.reason
    assert 10 < clock.monotonic() - began < 30
    assert target.objects["configmaps", "shop", "settings"] == live


@pytest.mark.parametrize("existing", ["fail", "skip", "update"])
def test_an_object_is_created_when_the_one_of_its_name_is_gone(existing: Any) -> None:
    target = FakeCluster()
    going(target)

    class Going(FakeClock):
        def wait(self, seconds: float) -> None:
            super().wait(seconds)
            target.objects.pop(("configmaps", "shop", "settings"), None)

    store = kept(config_map("settings", value="mine"))
    request = RestoreRequest(name="back", workers=1, existing=existing)
    report = restore(request, opened(store, "one"), target, clock=Going())
    assert report.complete
    assert report.counts[Outcome.CREATED] == 1
    assert "deletionTimestamp" not in target.objects["configmaps", "shop", "settings"]["metadata"]


def test_permissions_that_nobody_may_grant_are_told_with_what_helps() -> None:
    target = FakeCluster()
    target.namespace("shop")
    words = (
        'roles "app" is forbidden: user "x" is attempting to grant RBAC permissions not currently'
    )

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if verb.endswith("create") and kind.startswith("rolebindings"):
            raise Forbidden(403, f"{words} held: ...")

    target.faults.append(fault)
    binding: Object = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                       "metadata": {"name": "app", "namespace": "shop"}, "subjects": [],
                       "roleRef": {"kind": "Role", "name": "app"}}  # fmt: skip
    with pytest.raises(RestoreRefused, match=r"`escalate` roles and `bind` what"):
        act(kept(binding), target)


def test_a_namespace_that_goes_in_time_is_restored() -> None:
    target = FakeCluster()
    target.namespace("shop")
    target.objects["namespaces", "", "shop"]["metadata"]["deletionTimestamp"] = "2026"

    class Going(FakeClock):
        def wait(self, seconds: float) -> None:
            super().wait(seconds)
            target.objects.pop(("namespaces", "", "shop"), None)

    clock = Going()
    request = RestoreRequest(name="back", workers=1)
    report = restore(request, opened(kept(config_map("a")), "one"), target, clock=clock)
    assert report.complete
    assert ("namespaces", "", "shop") in target.objects


def ingress(resource: Resource, uid: str = "") -> Object:
    metadata = {"name": "front", "namespace": "shop"} | ({"uid": uid} if uid else {})
    return {"apiVersion": resource.api_version, "kind": "Ingress", "metadata": metadata,
            "spec": {"rules": []}}  # fmt: skip


def of_an_older_cluster(*served: Resource) -> MemoryStore:
    others = [each for each in RESOURCES if each.plural != "ingresses"]
    source, store = FakeCluster((*others, *served)), MemoryStore()
    source.namespace("shop")
    source.add(config_map("a"))
    for each in served:
        source.put(each, ingress(each, "uid-of-both"))
    scope = Scope(namespaces=("shop",))
    create(Request(name="one", scope=scope), source, store, clock=FakeClock())
    return store


def test_a_version_that_is_gone_is_known_before_anything_is_written() -> None:
    target, store = FakeCluster(), of_an_older_cluster(OLD)
    for dry_run in (True, False):
        try:
            found = [str(each) for each in act(store, target, dry_run=dry_run).bad]
        except RestoreRefused as problem:
            found = [str(problem)]
        assert (
            "networking.k8s.io/v1beta1 is not served; the target serves networking.k8s.io/v1"
            in (found[0])
        )
    assert ("namespaces", "", "shop") not in target.objects


@settings(max_examples=150, deadline=None)
@given(
    theirs=some.dictionaries(some.sampled_from("abcd"), some.sampled_from(["1", "2"])),
    mine=some.dictionaries(some.sampled_from("abcd"), some.sampled_from(["1", "2"]), min_size=1),
    frozen_ones=some.sets(some.sampled_from("abcd")),
    evil=some.sets(some.sampled_from("abcd"), max_size=1),
    existing=some.sampled_from(["fail", "skip", "update"]),
    there=some.booleans(),
)
def test_a_restore_is_complete_or_refused_with_nothing_changed(
    theirs: dict[str, str],
    mine: dict[str, str],
    frozen_ones: set[str],
    evil: set[str],
    existing: str,
    there: bool,
) -> None:
    def made(values: dict[str, str]) -> list[Object]:
        return [
            config_map(name, value=value) | ({"immutable": True} if name in frozen_ones else {})
            for name, value in values.items()
        ]

    own = made(mine)
    for obj in own:
        if obj["metadata"]["name"] in evil:
            obj["data"]["evil"] = "yes"
    store, target = kept(*own), Strict()
    if there:
        target.namespace("shop")
        target.add(*made(theirs))
    before = copy.deepcopy(target.objects)
    rehearsed = act(store, target, existing=existing, dry_run=True)
    assert target.objects == before
    asked_all = not rehearsed.counts[Outcome.UNASKED]
    try:
        report = act(store, target, existing=existing)
    except RestoreRefused:
        assert target.objects == before
        assert not (rehearsed.complete and asked_all)
    else:
        assert report.complete
        assert rehearsed.complete
