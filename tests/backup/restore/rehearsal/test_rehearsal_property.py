"""Where the rehearsal passes, the act is never refused for a reason that was there before.

Generated snapshots of many kinds meet generated targets, whose API server refuses as the real one
does: fields that cannot change, quotas, webhooks, ports and addresses of others, accounts that
Pods need, classes that are gone, namespaces that are being deleted.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.data.volume_decisions import Decision
from resilience.backup.format.errors import RestoreRefused, VolumeFailed
from resilience.backup.objects.related import Need
from resilience.backup.restore.outcome import Outcome
from resilience.backup.restore.rehearsal.cluster_needs import ClusterNeeds
from resilience.backup.restore.rehearsal.quotas import Quotas
from resilience.cluster.errors import Forbidden, Invalid
from resilience.cluster.interface import Object, Resource
from tests.backup.fakes import RESOURCES, FakeCluster, config_map, deployment, secret
from tests.backup.restore.rehearsal.test_cluster_needs import OneVolume
from tests.backup.restore.rehearsal.test_rehearsal_of_restore import act, kept
from tests.twin import kind_of

SERVED = (
    *RESOURCES,
    Resource("", "v1", "resourcequotas", "ResourceQuota"),
    Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
)
FIXED: Mapping[str, tuple[str, ...]] = {
    "deployments.apps": ("selector",),
    "statefulsets.apps": ("selector", "serviceName"),
    "jobs.batch": ("template", "selector"),
    "persistentvolumeclaims": ("accessModes", "storageClassName"),
    "services": ("clusterIP",),
}
"""Fields of `spec` that no update may change."""


class Server(FakeCluster):
    """Refuses what a real API server would: asked or done, and before it looks for the name."""

    def __init__(self) -> None:
        super().__init__(SERVED)

    def create(
        self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
    ) -> Object:
        kind = kind_of(resource)
        if not resource.namespaced or ("namespaces", "", namespace) in self.objects:
            self._admitted(kind, body, namespace)
        return super().create(resource, body, namespace, dry_run=dry_run)

    def _admitted(self, kind: str, body: Object, namespace: str) -> None:
        self._webhook(body)
        spec = body.get("spec") or {}
        account = spec.get("serviceAccountName")
        if account and ("serviceaccounts", namespace, account) not in self.objects:
            raise Forbidden(403, f"error looking up service account {namespace}/{account}")
        self._ports(body, namespace)
        for (each, where, _), quota in self.objects.items():
            hard = quota.get("spec", {}).get("hard", {}).get(f"count/{kind}")
            if (each, where) == ("resourcequotas", namespace) and hard is not None:
                used = sum(1 for key in self.objects if key[:2] == (kind, namespace))
                if used + 1 > int(hard):
                    raise Forbidden(403, f"exceeded quota, used: {used}, limited: {hard}")

    def _ports(self, body: Object, namespace: str) -> None:
        mine = _taken(body)
        for (kind, _, _), other in self.objects.items():
            if kind == "services" and mine & _taken(other):
                raise Invalid(422, "provided port is already allocated")

    def _webhook(self, body: Object) -> None:
        if (body["metadata"].get("labels") or {}).get("deny"):
            raise Forbidden(403, 'admission webhook "policy" denied the request')

    def patch(
        self, resource: Resource, name: str, body: Any, namespace: str = "", **options: Any
    ) -> Object:
        old, kind = self.have(resource, name, namespace), kind_of(resource)
        if old.get("immutable") and {"data", "immutable"} & body.keys():
            raise Invalid(422, "data: Forbidden: field is immutable when `immutable` is set")
        if any(field in (body.get("spec") or {}) for field in FIXED.get(kind, ())):
            raise Invalid(422, "spec: Forbidden: field is immutable")
        if "roleRef" in body or "type" in body:
            raise Invalid(422, "cannot change roleRef")
        self._webhook({"metadata": body.get("metadata") or {}})
        return super().patch(resource, name, body, namespace, **options)


def _taken(service: Object) -> set[object]:
    if service.get("kind") != "Service":
        return set()
    ports = (service.get("spec") or {}).get("ports") or ()
    return {each["nodePort"] for each in ports if each.get("nodePort")}


def of(api: str, kind: str, name: str, **fields: Any) -> Object:
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def port(name: str, value: str) -> int:
    return 30080 + 10 * (name == "b") + int(value)


def service(name: str, value: str) -> Object:
    """Its node port is somebody's choice: the fields of a client say so."""
    found = of("v1", "Service", name, spec={"type": "NodePort", "selector": {"app": value},
               "ports": [{"port": 80, "nodePort": port(name, value)}]})  # fmt: skip
    chosen: Object = {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {"f:nodePort": {}}}}}
    found["metadata"]["managedFields"] = [
        {"manager": "kubectl", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": chosen}
    ]
    return found


def workload(name: str, value: str) -> Object:
    found = deployment(name)
    found["spec"]["selector"]["matchLabels"]["v"] = value
    found["spec"]["replicas"] = int(value)
    return found


def binding(name: str, value: str) -> Object:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": f"role-{value}"}
    return of("rbac.authorization.k8s.io/v1", "RoleBinding", name, roleRef=role, subjects=[])


def claim(name: str, value: str) -> Object:
    size = {"requests": {"storage": f"{value}Gi"}}
    spec = {"storageClassName": f"class-{value}", "accessModes": ["ReadWriteOnce"],
            "resources": size}  # fmt: skip
    return of("v1", "PersistentVolumeClaim", name, spec=spec)


def pod(name: str, value: str) -> Object:
    spec = {"serviceAccountName": f"robot-{value}", "containers": [{"name": "a", "image": value}]}
    return of("v1", "Pod", name, spec=spec)


def job(name: str, value: str) -> Object:
    template = {"spec": {"containers": [{"name": "a", "image": value}], "restartPolicy": "Never"}}
    return of("batch/v1", "Job", name, spec={"template": template, "suspend": True})


def scaler(name: str, value: str) -> Object:
    return of("autoscaling/v2", "HorizontalPodAutoscaler", name, spec={"maxReplicas": int(value)})


def quota(name: str, value: str) -> Object:
    hard = {"count/configmaps": value, "count/secrets": value, "requests.storage": "3Gi"}
    return of("v1", "ResourceQuota", name, spec={"hard": hard})


KINDS: Mapping[str, Callable[[str, str], Object]] = {
    "ConfigMap": lambda name, value: config_map(name, value=value),
    "Secret": lambda name, value: secret(name, value=value),
    "Service": service,
    "Deployment": workload,
    "RoleBinding": binding,
    "PersistentVolumeClaim": claim,
    "ServiceAccount": lambda name, value: of("v1", "ServiceAccount", f"robot-{value}"),
    "Pod": pod,
    "Job": job,
    "HorizontalPodAutoscaler": scaler,
}

Made = tuple[str, str, str, str]


def made(*traits: str) -> some.SearchStrategy[Made]:
    names, values = some.sampled_from(["data", "b"]), some.sampled_from(["1", "2"])
    trait = some.sampled_from(["", "", *traits])
    return some.tuples(some.sampled_from(sorted(KINDS)), names, values, trait)


def built(each: Made) -> Object:
    kind, name, value, trait = each
    found = KINDS[kind](name, value)
    if trait == "immutable" and kind in ("ConfigMap", "Secret"):
        found["immutable"] = True
    if trait == "deny":
        found["metadata"]["labels"] = {"deny": "yes"}
    if trait == "thief" and kind == "Service":
        found["spec"]["ports"][0]["nodePort"] = port("data" if name == "b" else "b", value)
    if trait == "owned":
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "u-gone"}
        found["metadata"]["ownerReferences"] = [owner]
    return found


def target_of(theirs: list[Made], there: str, quotas: list[str], classes: list[str]) -> Server:
    """What is there was admitted before the webhook and the quota came."""
    target = Server()
    for name in classes:
        target.add({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                    "metadata": {"name": f"class-{name}"}, "provisioner": "p"})  # fmt: skip
    if there == "absent":
        return target
    target.namespace("shop")
    for each in theirs:
        obj = built(each)
        with_name = (kind_of(target.resource(obj["apiVersion"], obj["kind"])), "shop",
                     obj["metadata"]["name"])  # fmt: skip
        obj["metadata"] |= {"uid": f"u-{len(target.objects)}", "resourceVersion": "1"}
        obj["metadata"].pop("ownerReferences", None)
        target.objects.setdefault(with_name, obj)
    for value in quotas[:1]:
        target.add(quota("q", value))
        held = target.objects["resourcequotas", "shop", "q"]
        used = {f"count/{kind}": str(sum(1 for key in target.objects if key[0] == kind))
                for kind in ("configmaps", "secrets")}  # fmt: skip
        held["status"] = {"used": used}
    if there == "going":
        target.objects["namespaces", "", "shop"]["metadata"]["deletionTimestamp"] = "2026"
    return target


def asked_and_done(
    mine: list[Made],
    theirs: list[Made],
    there: str,
    quotas: list[str],
    classes: list[str],
    existing: str,
) -> None:
    own = {(each["kind"], each["metadata"]["name"]): each for each in map(built, mine)}
    store = kept(*own.values(), source=FakeCluster(SERVED))
    target = target_of(theirs, there, quotas, classes)
    before = copy.deepcopy(target.objects)
    volumes = Provisioned(target) if ("PersistentVolumeClaim", "data") in own else None
    more: dict[str, Any] = {"existing": existing, "volumes": volumes, "patience": 2}
    passed = asked_all = False
    try:
        rehearsed = act(store, target, dry_run=True, **more)
    except RestoreRefused:
        pass
    else:
        passed, asked_all = rehearsed.complete, not rehearsed.counts[Outcome.UNASKED]
    assert target.objects == before
    try:
        report = act(store, target, **more)
    except RestoreRefused:
        assert target.objects == before
        assert not (passed and asked_all)
    else:
        assert passed, list(map(str, report.items))
        assert report.complete, list(map(str, report.bad))


class Provisioned(OneVolume):
    """A claim of a class that is not there gets no volume."""

    def __init__(self, target: Server) -> None:
        self._target = target

    def fill(self, snapshot: Snapshot, decisions: Sequence[Decision]) -> list[str]:
        claim = self._target.objects["persistentvolumeclaims", "shop", "data"]
        name = claim["spec"]["storageClassName"]
        if ("storageclasses.storage.k8s.io", "", name) not in self._target.objects:
            raise VolumeFailed("the claim is Pending")
        return []


SOME: dict[str, Any] = {
    "mine": some.lists(made("immutable", "deny", "owned"), min_size=1, max_size=5),
    "theirs": some.lists(made("immutable", "deny", "thief"), max_size=5),
    "there": some.sampled_from(["there", "there", "there", "absent", "going"]),
    "quotas": some.lists(some.sampled_from(["1", "2", "9"]), max_size=1),
    "classes": some.lists(some.sampled_from(["1", "2"]), max_size=2, unique=True),
    "existing": some.sampled_from(["fail", "skip", "update"]),
}


@settings(max_examples=250, deadline=None)
@given(**SOME)
@example(  # what a Pod needs comes with it, and it is refused for another reason
    mine=[("Pod", "data", "1", "deny"), ("ServiceAccount", "data", "1", "")],
    theirs=[],
    there="there",
    quotas=[],
    classes=[],
    existing="fail",
)
@example(  # the existing claim's class is gone, the recorded one's is there
    mine=[("PersistentVolumeClaim", "data", "1", "")],
    theirs=[("PersistentVolumeClaim", "data", "2", "")],
    there="there",
    quotas=[],
    classes=["1"],
    existing="skip",
)
def test_what_the_rehearsal_lets_pass_is_never_refused_in_the_act(**found: Any) -> None:
    asked_and_done(**found)


def blind_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quotas, "exceeded", lambda self: iter(()))


def blind_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClusterNeeds, "lacking", lambda self, obj, coming: list[Need]())


def unpatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rehearsal sends creates alone, as it once did."""
    patched = Server.patch

    def patch(self: Server, *rest: Any, **more: Any) -> Object:
        return {} if more.get("dry_run") else patched(self, *rest, **more)

    monkeypatch.setattr(Server, "patch", patch)


MINE: Made = ("ConfigMap", "data", "1", "")
BITES: Mapping[str, tuple[Callable[[pytest.MonkeyPatch], None], dict[str, Any]]] = {
    "classes": (blind_needs, {"mine": [("PersistentVolumeClaim", "data", "1", "")], "classes": []}),
    "quotas": (blind_quotas, {"mine": [MINE, ("ConfigMap", "b", "1", "")], "quotas": ["1"]}),
    "updates": (unpatched, {"mine": [("ConfigMap", "data", "1", "")], "existing": "update",
                            "theirs": [("ConfigMap", "data", "2", "immutable")]}),
}  # fmt: skip


@pytest.mark.parametrize("which", sorted(BITES))
def test_the_property_fails_with_each_rule_broken(
    which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, changed = BITES[which]
    given: dict[str, Any] = {"theirs": [], "there": "there", "quotas": [], "classes": ["1", "2"],
                             "existing": "fail"}  # fmt: skip
    asked_and_done(**{**given, **changed})
    wrong(monkeypatch)
    with pytest.raises((AssertionError, VolumeFailed)):
        asked_and_done(**{**given, **changed})
