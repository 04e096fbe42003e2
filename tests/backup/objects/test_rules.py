"""What each rule takes away, what it leaves, and that it names exactly what it changed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from resilience.backup.objects import rules
from resilience.backup.objects.rules import leave_allocated, with_allocations
from resilience.backup.proof.diff import compared
from resilience.backup.proof.may_differ import LIST, comparable, excused
from resilience.cluster.permit.consent_keys import CONSENT, PAUSED


def thing(kind: str = "Pod", **more: Any) -> Any:
    about = {"name": "x", **more.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": about, **more}


def applied(rule: str, obj: Any) -> tuple[Any, list[str]]:
    after = copy.deepcopy(obj)
    return after, list(getattr(rules, rule)(after))


BARE = [rule.apply.__name__ for rule in rules.RULES] + ["service_addresses"]


@pytest.mark.parametrize("rule", BARE)
@pytest.mark.parametrize("nothing", [{}, {"spec": None}, {"spec": {}, "status": {"a": 1}}])
def test_an_object_that_has_none_of_a_rules_fields_stays_as_it_is(rule: str, nothing: Any) -> None:
    if rule == "namespace_system_fields":
        nothing = {}
    bare = {"apiVersion": "example.com/v1", "kind": "Own", "metadata": {"name": "x"}, **nothing}
    assert applied(rule, bare) == (bare, [])


@pytest.mark.parametrize(
    ("held", "left", "touched"),
    [
        (["foregroundDeletion", "keep.example.com"], ["keep.example.com"], True),
        (["orphan"], [], True),
        (
            [
                "snapshot.storage.kubernetes.io/pvc-as-source-protection",
                "provisioner.storage.kubernetes.io/cloning-protection",
                "kubernetes.io/pvc-protection",
            ],
            ["kubernetes.io/pvc-protection"],
            True,
        ),
        (["keep.example.com"], ["keep.example.com"], False),
    ],
)
def test_only_finalizers_of_a_deletion_are_removed(held: Any, left: Any, touched: bool) -> None:
    after, pointers = applied("finalizers_of_the_moment", thing(metadata={"finalizers": held}))
    assert after["metadata"]["finalizers"] == left
    assert pointers == (["/metadata/finalizers"] if touched else [])
    assert comparable(thing(metadata={"finalizers": held}))[0]["metadata"].get("finalizers") == (
        left or None
    )


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize(
    ("rule", "kind", "key", "fields"),
    [
        ("marks", "Pod", "resilience/restore", ("labels", "annotations")),
        ("claim_binding", "PersistentVolumeClaim", "pv.kubernetes.io/bind-completed",
         ("annotations",)),
        ("rollout_revision", "Deployment", "deployment.kubernetes.io/revision", ("annotations",)),
        ("namespace_system_fields", "Namespace", "kubernetes.io/metadata.name", ("labels",)),
        ("consent", "Namespace", CONSENT, ("labels",)),
        ("consent", "Namespace", PAUSED, ("annotations",)),
    ],
)  # fmt: skip
def test_a_key_that_was_the_only_one_takes_its_holder_with_it(
    rule: str, kind: str, key: str, fields: tuple[str, ...], field: str
) -> None:
    alone, pointers = applied(rule, thing(kind, metadata={field: {key: "v"}}))
    among, _ = applied(rule, thing(kind, metadata={field: {key: "v", "mine": "v"}}))
    if field in fields:
        assert field not in alone["metadata"]
        assert pointers == [f"/metadata/{field}/{key.replace('/', '~1')}"]
        assert among["metadata"][field] == {"mine": "v"}
    else:
        assert alone["metadata"][field] == {key: "v"}
        assert pointers == []


PROJECTED: dict[str, Any] = {
    "projected": {"sources": [{"serviceAccountToken": {}}, {"configMap": {}}]}
}


def volume(name: str) -> dict[str, Any]:
    """As admission adds it, by its name."""
    if name.startswith("kube-api-access-"):
        return {"name": name, **PROJECTED}
    return {"name": name, "secret": {"secretName": name}}


def pod(*volumes: str, mounts: Any = (), account: str = "") -> Any:
    spec: dict[str, Any] = {"volumes": [volume(each) for each in volumes]}
    spec |= {"serviceAccountName": account} if account else {}
    spec["containers"] = [{"name": "web", "volumeMounts": [{"name": m} for m in mounts]}]
    return thing(spec=spec)


@pytest.mark.parametrize(
    ("before", "volumes", "mounts"),
    [
        (pod("kube-api-access-x7k2p", mounts=["kube-api-access-x7k2p"]), None, None),
        (pod("data", "kube-api-access-x7k2p", mounts=["data", "kube-api-access-x7k2p"]), ["data"],
         ["data"]),
        (pod("default-token-x7k2p", mounts=["default-token-x7k2p"]), None, None),
        (pod("robot-token-x7k2p", mounts=["robot-token-x7k2p"], account="robot"), None, None),
    ],
)  # fmt: skip
def test_token_volumes_go_with_their_mounts_and_no_others(
    before: Any, volumes: Any, mounts: Any
) -> None:
    after, pointers = applied("pod_token_volumes", before)
    (container,) = after["spec"]["containers"]
    assert names(after["spec"], "volumes") == volumes
    assert names(container, "volumeMounts") == mounts
    assert pointers == ["/spec/volumes", "/spec/containers/0/volumeMounts"]


def names(holder: Any, field: str) -> list[str] | None:
    return [each["name"] for each in holder[field]] if field in holder else None


@pytest.mark.parametrize(
    "own",
    [pod("data", mounts=["data"]), pod("robot-token-x7k2p", mounts=["robot-token-x7k2p"]), thing()],
)
def test_projected_volumes_that_a_user_wrote_stay(own: Any) -> None:
    assert applied("pod_token_volumes", own) == (own, [])


@pytest.mark.parametrize(
    "own",
    [
        {"name": "default-token-cache", "emptyDir": {}},
        {"name": "default-token-x7k2p", "emptyDir": {}},
        {"name": "default-token-x7k2p", "secret": {"secretName": "other"}},
        {"name": "default-token-cache", "secret": {"secretName": "default-token-cache"}},
        {"name": "kube-api-access-mine", **PROJECTED},
        {"name": "kube-api-access-x7k2p", "configMap": {"name": "mine"}},
        {"name": "kube-api-access-x7k2p", "projected": {"sources": [{"secret": {}}]}},
    ],
)
def test_a_volume_that_is_only_named_like_a_token_volume_stays(own: Any) -> None:
    before = pod(mounts=[own["name"]])
    before["spec"]["volumes"] = [own]
    assert applied("pod_token_volumes", before) == (before, [])


def test_token_mounts_of_init_containers_go_and_containers_without_mounts_are_no_hindrance() -> (
    None
):
    before = pod("kube-api-access-x7k2p")
    before["spec"] |= {
        "containers": [{"name": "web"}],
        "initContainers": [{"name": "first", "volumeMounts": [{"name": "kube-api-access-x7k2p"}]}],
    }
    after, pointers = applied("pod_token_volumes", before)
    assert after["spec"]["initContainers"] == [{"name": "first"}]
    assert after["spec"]["containers"] == [{"name": "web"}]
    assert "/spec/initContainers/0/volumeMounts" in pointers
    before["spec"].pop("initContainers")
    before["spec"]["volumes"].append(volume("kube-api-access-y7k2p"))
    assert applied("pod_token_volumes", before)[1][0] == "/spec/volumes"


def test_a_volume_keeps_its_claims_name_and_loses_the_uid() -> None:
    reference = {"name": "data", "namespace": "shop", "uid": "u", "resourceVersion": "7"}
    before = thing("PersistentVolume", spec={"claimRef": reference, "capacity": {}})
    after, pointers = applied("volume_binding", before)
    assert after["spec"] == {"claimRef": {"name": "data", "namespace": "shop"}, "capacity": {}}
    assert pointers == ["/spec/claimRef/uid", "/spec/claimRef/resourceVersion"]


def job(**spec: Any) -> Any:
    labels = {"controller-uid": "u", "batch.kubernetes.io/controller-uid": "u", "app": "x"}
    spec = {"selector": {"matchLabels": {"controller-uid": "u"}},
            "template": {"metadata": {"labels": dict(labels)}}, **spec}  # fmt: skip
    return thing("Job", metadata={"labels": labels}, spec=spec) | {"apiVersion": "batch/v1"}


def test_a_generated_selector_and_its_labels_go() -> None:
    after, pointers = applied("job_selector", job())
    assert after["metadata"]["labels"] == {"app": "x"}
    assert after["spec"] == {"template": {"metadata": {"labels": {"app": "x"}}}}
    assert len(pointers) == 5
    assert compared(job(), after, LIST).differences == []


def test_a_selector_that_a_person_chose_stays_with_the_labels_that_it_needs() -> None:
    """The example in Kubernetes' documentation selects by the uid of an older Job."""
    chosen = job(manualSelector=True)
    assert applied("job_selector", chosen) == (chosen, [])
    lost, _ = applied("job_selector", job())
    lost["spec"]["manualSelector"] = True
    assert len(compared(chosen, lost, LIST).differences) >= 3


def waiting(name: str = "restore-wait", **more: Any) -> Any:
    wait = {"name": name, "command": ["/velero-restore-helper"], "image": "x", **more}
    return thing(spec={"initContainers": [wait, {"name": "own"}], "containers": []})


@pytest.mark.parametrize(
    ("pod", "goes"),
    [
        (waiting(), True),
        (waiting("restic-wait", command=["/velero-restic-restore-helper"]), True),
        (waiting(command=[], image="velero/velero-restore-helper:v1.9.0"), True),
        (waiting(command=["sh"]), False),
        (waiting("other"), False),
    ],
)
def test_what_a_restore_of_velero_waited_in_goes(pod: Any, goes: bool) -> None:
    after, pointers = applied("velero_wait", pod)
    assert [each["name"] for each in after["spec"]["initContainers"]][-1:] == ["own"]
    assert (len(after["spec"]["initContainers"]) == 1) is goes
    assert pointers == (["/spec/initContainers"] if goes else [])
    mine, theirs = comparable(pod)[0], comparable(thing(spec={
        "initContainers": [{"name": "own"}], "containers": []}))[0]  # fmt: skip
    assert (mine == theirs) is goes


def test_a_pod_that_had_no_other_container_to_begin_with_has_none_afterwards() -> None:
    pod = waiting()
    del pod["spec"]["initContainers"][1]
    assert applied("velero_wait", pod)[0]["spec"] == {"containers": []}
    assert comparable(pod)[0]["spec"] == {"containers": []}


@pytest.mark.parametrize("template", [None, {}, {"metadata": None}, {"metadata": {}}])
def test_a_job_whose_template_has_no_labels_only_loses_its_selector(template: Any) -> None:
    before = thing("Job", spec={"selector": {}, "template": template})
    assert applied("job_selector", before) == (
        thing("Job", spec={"template": template}), ["/spec/selector"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "account", "generated"),
    [
        ("robot-token-x7k2p", "robot", True),
        ("robot-dockercfg-x7k2p", "robot", True),
        ("other-token-x7k2p", "robot", False),
        ("robot-token-x7k2", "robot", False),
        ("robot-token-x7k2pp", "robot", False),
        ("robot-login-x7k2p", "robot", False),
        ("robot-token-a7k2p", "robot", False),
        ("-token-x7k2p", "", True),
    ],
)
def test_a_generated_name_is_the_accounts_and_a_random_suffix(
    name: str, account: str, generated: bool
) -> None:
    assert rules.is_generated_name(name, account) is generated


@pytest.mark.parametrize(
    ("held", "left", "pointers"),
    [
        (["x-token-x7k2p"], None, ["/secrets"]),
        (["x-token-x7k2p", "pull"], ["pull"], ["/secrets"]),
        (["pull"], ["pull"], []),
        ([], None, []),
    ],
)
def test_an_account_keeps_the_secrets_that_a_user_named(
    held: list[str], left: Any, pointers: list[str]
) -> None:
    before = thing("ServiceAccount", secrets=[{"name": each} for each in held])
    after, touched = applied("account_tokens", before)
    assert names(after, "secrets") == left
    assert touched == pointers


def test_pull_secrets_that_openshift_made_are_not_referred_to() -> None:
    held = [{"name": "x-dockercfg-x7k2p"}, {"name": "pull"}]
    before = thing("ServiceAccount", imagePullSecrets=held)
    after, touched = applied("account_tokens", before)
    assert names(after, "imagePullSecrets") == ["pull"]
    assert touched == ["/imagePullSecrets"]
    assert why_different(before, after) == []
    assert why_different(before, thing("ServiceAccount")) == ["/imagePullSecrets"]


@pytest.mark.parametrize("others", [{}, {"note": "1"}])
def test_the_counter_of_a_daemonset_s_templates_begins_again(others: dict[str, str]) -> None:
    counted = {"deprecated.daemonset.template.generation": "4", **others}
    obj = thing("DaemonSet", metadata={"annotations": counted}) | {"apiVersion": "apps/v1"}
    after, touched = applied("template_generation", obj)
    assert after["metadata"].get("annotations", {}) == others
    assert touched == ["/metadata/annotations/deprecated.daemonset.template.generation"]
    parts = ("metadata", "annotations", "deprecated.daemonset.template.generation")
    assert excused(LIST, obj, parts, "4", "1")
    assert not excused(LIST, thing("DaemonSet"), parts, "4", "1")


def why_different(recorded: Any, live: Any) -> list[str]:
    """The first parts of what the proof calls a difference."""
    (mine, _), (theirs, _) = comparable(recorded), comparable(live)
    return sorted(
        f"/{key}"
        for key in mine.keys() | theirs.keys()
        if key != "metadata" and mine.get(key) != theirs.get(key)
    )


def test_a_reference_without_a_name_is_a_users_own() -> None:
    before = thing("ServiceAccount", secrets=[{}])
    assert applied("account_tokens", before) == (before, [])


TOKEN = "kubernetes.io/service-account-token"


@pytest.mark.parametrize(
    ("kind", "data", "left"),
    [
        (TOKEN, {"token": "a", "ca.crt": "b", "namespace": "c"}, None),
        (TOKEN, {"token": "a", "own": "d"}, {"own": "d"}),
        ("Opaque", {"token": "a"}, {"token": "a"}),
    ],
)
def test_only_a_token_secret_loses_what_is_filled_in_again(kind: str, data: Any, left: Any) -> None:
    after, pointers = applied("token_content", thing("Secret", type=kind, data=data))
    assert after.get("data") == left
    assert bool(pointers) is (kind == TOKEN)


SERVICE: dict[str, Any] = {
    "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "healthCheckNodePort": 32000,
    "ipFamilies": ["IPv4"],
    "ports": [{"port": 80, "nodePort": 31234}],
}  # fmt: skip


@pytest.mark.parametrize("rule", ["chosen_addresses", "service_addresses"])
@pytest.mark.parametrize("headless", [True, False])
def test_allocated_addresses_go_and_headless_is_a_choice(rule: str, headless: bool) -> None:
    spec = copy.deepcopy(SERVICE) | ({"clusterIP": "None"} if headless else {})
    after, pointers = applied(rule, thing("Service", spec=spec))
    assert after["spec"].get("clusterIP") == ("None" if headless else None)
    assert ("clusterIPs" in after["spec"]) is headless
    assert after["spec"]["ports"] == [{"port": 80}]
    assert not {"healthCheckNodePort", "ipFamilies"} & after["spec"].keys()
    assert "/spec/ports/0/nodePort" in pointers


def test_what_was_computed_for_a_pod_is_computed_again() -> None:
    """An API server refuses an overhead that is not its runtime class's."""
    spec = {"nodeName": "n", "priority": 5, "preemptionPolicy": "Never", "overhead": {"cpu": "1"}}
    after, pointers = applied("pod_placement", thing(spec={**spec, "runtimeClassName": "kata"}))
    assert after["spec"] == {"runtimeClassName": "kata"}
    assert len(pointers) == 4
    assert not compared(thing(spec=spec), thing(spec={}), LIST).differences


@pytest.mark.parametrize("rule", ["chosen_addresses", "service_addresses"])
def test_a_family_that_a_client_wrote_stays(rule: str) -> None:
    """The API server takes the first of its own where none is named, and refuses one it lacks."""
    owned = {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:ipFamilies": {}}}}
    service = thing("Service", metadata={"managedFields": [owned]}, spec=SERVICE)
    after, _ = applied(rule, service)
    assert after["spec"]["ipFamilies"] == ["IPv4"]
    lost = copy.deepcopy(after)
    lost["spec"]["ipFamilies"] = ["IPv6"]
    assert compared(service, lost, LIST).differences
    allocated = thing("Service", spec=SERVICE)
    assert not compared(allocated, applied(rule, allocated)[0], LIST).differences


@pytest.mark.parametrize("field", ["clusterIP", "healthCheckNodePort"])
def test_an_address_or_a_port_that_a_client_wrote_stays(field: str) -> None:
    owned = {
        "manager": "kubectl",
        "operation": "Update",
        "fieldsV1": {"f:spec": {f"f:{field}": {}}},
    }
    meta = {"managedFields": [owned]}
    after, pointers = applied("chosen_addresses", thing("Service", metadata=meta, spec=SERVICE))
    assert after["spec"].get(field) == SERVICE[field]
    assert f"/spec/{field}" not in pointers
    assert len(pointers) == (3 if field == "clusterIP" else 4)


def test_each_way_to_treat_addresses_has_its_own_rule_and_all_others() -> None:
    every = [rule.name for rule in rules.RULES]
    chosen, keep, new = (with_allocations(each) for each in ("chosen", "keep", "new"))
    assert [rule.name for rule in chosen] == every
    assert [rule.name for rule in keep] == [each for each in every if each != "service addresses"]
    assert [rule.name for rule in new] == every
    assert new[0].apply is rules.service_addresses
    assert chosen[0].apply is rules.chosen_addresses


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({}, {"ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}),
        (None, {"ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}),
        ({"clusterIP": "10.0.0.7", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 31000}]},
         {"clusterIP": "10.0.0.1",
          "ports": [{"port": 80, "nodePort": 31234}, {"port": 53, "protocol": "UDP"}]}),
        ({"ports": [{"port": 53, "nodePort": 30053}, {"port": 80}]},
         {"ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}),
    ],
)  # fmt: skip
def test_what_nobody_wanted_is_not_compared_and_what_was_wanted_is(wanted: Any, left: Any) -> None:
    live = thing("Service", spec=copy.deepcopy(SERVICE), status={"loadBalancer": {}})
    live["spec"]["ports"].append({"port": 53, "protocol": "UDP", "nodePort": 30053})
    leave_allocated(live, thing("Service", spec=wanted))
    assert live == thing("Service", spec=left)


def test_a_status_that_is_wanted_is_compared_and_other_kinds_keep_their_addresses() -> None:
    live = thing("Own", status={"a": 1}, spec=copy.deepcopy(SERVICE))
    leave_allocated(live, thing("Own", status={"a": 2}))
    assert live == thing("Own", status={"a": 1}, spec=SERVICE)


@pytest.mark.parametrize("spec", [None, {}])
def test_a_service_without_ports_has_nothing_allocated(spec: Any) -> None:
    live = thing("Service", spec=spec)
    leave_allocated(live, thing("Service", spec={"ports": None, "clusterIP": "10.0.0.1"}))
    assert live == thing("Service", spec=spec)
    kept = thing("Service", spec={"clusterIP": "10.0.0.2"})
    leave_allocated(kept, thing("Service", spec={"clusterIP": "10.0.0.1"}))
    assert kept["spec"] == {"clusterIP": "10.0.0.2"}


SCHEMA = {"type": "object", "properties": {"spec": {"type": "object"}}}
KEEPS = "x-kubernetes-preserve-unknown-fields"


def definition(preserve: Any, *versions: Any) -> Any:
    spec = {"group": "example.com", "versions": list(versions)}
    spec |= {} if preserve is None else {"preserveUnknownFields": preserve}
    return thing("CustomResourceDefinition", spec=spec) | {"apiVersion": "apiextensions.k8s.io/v1"}


def test_a_definition_of_before_v1_keeps_unknown_fields_by_its_schemas() -> None:
    """No API server accepts the switch in a new one (velero#2159, velero#2197)."""
    before = definition(True, {"name": "v1", "schema": {"openAPIV3Schema": SCHEMA}}, {"name": "v2"})
    after, touched = applied("definition_of_before", before)
    assert "preserveUnknownFields" not in after["spec"]
    first, second = (each["schema"]["openAPIV3Schema"] for each in after["spec"]["versions"])
    assert first == SCHEMA | {KEEPS: True}
    assert second == {"type": "object", KEEPS: True}
    assert touched == ["/spec/preserveUnknownFields", *(
        f"/spec/versions/{n}/schema/openAPIV3Schema/{KEEPS}" for n in (0, 1))]  # fmt: skip
    assert compared(before, after, LIST).differences == []
    assert compared(before, definition(True), LIST).differences
    lost = definition(None, {"name": "v1", "schema": {"openAPIV3Schema": {"type": "object"}}},
                      {"name": "v2"})  # fmt: skip
    assert compared(before, lost, LIST).differences


@pytest.mark.parametrize("preserve", [False, None])
def test_a_definition_that_prunes_stays_as_it_is(preserve: Any) -> None:
    obj = definition(preserve, {"name": "v1", "schema": {"openAPIV3Schema": SCHEMA}})
    assert applied("definition_of_before", obj) == (obj, [])
    keeping = definition(
        None, {"name": "v1", "schema": {"openAPIV3Schema": SCHEMA | {KEEPS: True}}}
    )
    assert compared(obj, keeping, LIST).differences
