"""422s: the texts of a real 1.36 server, word for word."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.validation import batch_rules
from resilience.sandbox.store.store import clone
from tests.sandbox.apiserver.wire import Wire, config_map, deployment, pod

DEPLOYMENTS = "/apis/apps/v1/namespaces/NS/deployments"
PODS = "/api/v1/namespaces/NS/pods"


def container(**fields: Any) -> dict[str, Any]:
    return pod("x", containers=[{"name": "c", "image": "i", **fields}])


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            DEPLOYMENTS,
            deployment("x", replicas=-3),
            'Deployment.apps "x" is invalid: spec.replicas:'
            " Invalid value: -3: must be greater than or equal to 0",
        ),
        (
            DEPLOYMENTS,
            {"metadata": {"name": "x"}},
            'Deployment.apps "x" is invalid: [spec.selector:'
            " Required value, spec.template.metadata.labels: Invalid value: null: `selector`"
            " does not"
            " match template `labels`, spec.template.spec.containers: Required value]",
        ),
        (
            DEPLOYMENTS,
            deployment("x", strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
            'Deployment.apps "x" is invalid: spec.strategy.rollingUpdate.maxUnavailable: Invalid'
            " value:"
            " 0: may not be 0 when `maxSurge` is 0",
        ),
        (
            DEPLOYMENTS,
            deployment("x", strategy={"type": "Foo"}),
            'Deployment.apps "x" is invalid:'
            ' spec.strategy: Unsupported value: {"Type":"Foo","RollingUpdate":null}: supported'
            " values:"
            ' "Recreate", "RollingUpdate"',
        ),
        (
            DEPLOYMENTS,
            deployment("x", minReadySeconds=700),
            'Deployment.apps "x" is invalid:'
            " spec.progressDeadlineSeconds: Invalid value: 600: must be greater than"
            " minReadySeconds",
        ),
        (
            PODS,
            pod("x", restartPolicy="Foo"),
            'Pod "x" is invalid: spec.restartPolicy: Unsupported'
            ' value: "Foo": supported values: "Always", "OnFailure", "Never"',
        ),
        (PODS, pod("x", containers=[]), 'Pod "x" is invalid: spec.containers: Required value'),
        (
            PODS,
            container(livenessProbe={"periodSeconds": 3}),
            'Pod "x" is invalid:'
            " spec.containers[0].livenessProbe: Required value: must specify a handler type",
        ),
        (
            PODS,
            container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
            'Pod "x" is'
            ' invalid: spec.containers[0].resources.requests: Invalid value: "2": must be less'
            " than or"
            " equal to cpu limit of 1",
        ),
        (
            PODS,
            container(volumeMounts=[{"name": "v", "mountPath": "/x"}]),
            'Pod "x" is invalid: spec.containers[0].volumeMounts[0].name: Not found: "v"',
        ),
        (
            PODS,
            container(ports=[{"containerPort": 70000}]),
            'Pod "x" is invalid:'
            " spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1"
            " and"
            " 65535, inclusive",
        ),
        (
            PODS,
            pod("x", tolerations=[{"operator": "Equal"}]),
            'Pod "x" is invalid:'
            ' spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when'
            " `key`"
            ' is empty, which means "match all values and all keys"',
        ),
        (
            "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
            {"metadata": {"name": "x"}, "spec": {"minAvailable": 1, "maxUnavailable": 1}},
            'PodDisruptionBudget.policy "x" is invalid: spec: Invalid value: {"MinAvailable":1,'
            '"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable'
            " and"
            " maxUnavailable cannot be both set",
        ),
        (
            "/api/v1/namespaces/NS/services",
            {"metadata": {"name": "x"}, "spec": {"ports": [{"port": 80}, {"port": 81}]}},
            'Service "x" is invalid: [spec.ports[0].name: Required value, spec.ports[1].name:'
            " Required"
            " value]",
        ),
        (
            "/api/v1/namespaces/NS/services",
            {"metadata": {"name": "x"}, "spec": {"ports": []}},
            'Service "x" is invalid: spec.ports: Required value',
        ),
        (
            "/apis/batch/v1/namespaces/NS/jobs",
            {
                "metadata": {"name": "x"},
                "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}},
            },
            'Job.batch "x" is invalid: spec.template.spec.restartPolicy: Required value: valid'
            " values:"
            ' "OnFailure", "Never"',
        ),
    ],
)
def test_an_invalid_object_is_refused_with_the_text_of_kubernetes(
    wire: Wire, path: str, body: Any, message: str
) -> None:
    answer = wire("POST", path, body)
    assert (answer.status, answer.message) == (422, message)
    assert answer.json["details"]["causes"]


@pytest.mark.parametrize(
    "name", ["Upper", "under_score", "-x", "x-", "a..b", "x" * 254, "ü", "a b"]
)
def test_a_bad_name_is_refused(wire: Wire, name: str) -> None:
    answer = wire("POST", "/api/v1/namespaces/NS/configmaps", config_map(name))
    assert (answer.status, answer.json["details"]["causes"][0]["field"]) == (422, "metadata.name")


CLAIMS = "/api/v1/namespaces/NS/persistentvolumeclaims"
CLAIM: dict[str, Any] = {
    "metadata": {"name": "x"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
JOB: dict[str, Any] = {
    "metadata": {"name": "x"},
    "spec": {
        "suspend": True,
        "template": {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
        },
    },
}


@pytest.mark.parametrize(
    ("kind", "path", "body", "patch", "text"),
    [
        (
            "selector",
            DEPLOYMENTS,
            deployment("x"),
            {"spec": {"selector": {"matchLabels": {"a": "b"}}}},
            "field is immutable",
        ),
        (
            "pod",
            PODS,
            pod("x"),
            {"spec": {"restartPolicy": "Never"}},
            "pod updates may not change fields other than",
        ),
        (
            "immutable",
            "/api/v1/namespaces/NS/configmaps",
            {"metadata": {"name": "x"}, "data": {"a": "b"}, "immutable": True},
            {"data": {"a": "c"}},
            "data: Forbidden: field is immutable when `immutable` is set",
        ),
        (
            "type",
            "/api/v1/namespaces/NS/secrets",
            {"metadata": {"name": "x"}},
            {"type": "y"},
            'type: Invalid value: "y": field is immutable',
        ),
        (
            "claim",
            CLAIMS,
            CLAIM,
            {"spec": {"accessModes": ["ReadOnlyMany"]}},
            "spec is immutable after creation",
        ),
        (
            "size of a claim without a volume",
            CLAIMS,
            CLAIM,
            {"spec": {"resources": {"requests": {"storage": "2Gi"}}}},
            "spec is immutable after creation",
        ),
        (
            "image of a suspended job",
            "/apis/batch/v1/namespaces/NS/jobs",
            JOB,
            {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "j"}]}}}},
            "field is immutable",
        ),
        (
            "role",
            "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings",
            {"metadata": {"name": "x"}, "roleRef": {"kind": "Role", "name": "r"}},
            {"roleRef": {"name": "s"}},
            "cannot change roleRef",
        ),
    ],
)
def test_a_change_of_an_immutable_field_is_refused(
    wire: Wire, kind: str, path: str, body: Any, patch: Any, text: str
) -> None:
    assert wire("POST", path, body).status == 201
    answer = wire.patch(f"{path}/x", patch)
    assert answer.status == 422
    assert text in answer.message


def test_a_job_that_never_started_may_be_scheduled_otherwise(wire: Wire) -> None:
    jobs = "/apis/batch/v1/namespaces/NS/jobs"
    wire("POST", jobs, JOB)
    elsewhere = {"spec": {"template": {"metadata": {"labels": {"a": "b"}},
                 "spec": {"nodeSelector": {"disk": "fast"}}}}}  # fmt: skip
    assert wire.patch(f"{jobs}/x", elsewhere).status == 200


@pytest.mark.parametrize("change", [{"spec": {"suspend": False}}, {"status": {"startTime": "x"}}])
def test_a_job_that_ran_keeps_its_scheduling(change: Any) -> None:
    old = JOB | {k: JOB.get(k, {}) | v for k, v in change.items()}
    obj = clone(old)
    obj["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "fast"}
    assert "spec.template" in {each.field for each in batch_rules.job(obj, old)}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ("2Gi", ""),
        ("4Gi", ""),
        ("1Gi", "field can not be less than status.capacity"),
        ("1", "field can not be less than status.capacity"),
    ],
)
def test_a_bound_claim_grows_and_asks_for_less_only_above_what_it_has(
    wire: Wire, size: str, text: str
) -> None:
    wire("POST", CLAIMS, CLAIM)
    bound = {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}
    assert wire.patch(f"{CLAIMS}/x/status", bound).status == 200
    for each in ("3Gi", size):
        answer = wire.patch(f"{CLAIMS}/x", {"spec": {"resources": {"requests": {"storage": each}}}})
    assert text in answer.message if text else answer.status == 200


def test_a_claim_may_grow_within_a_volume_that_is_larger_than_it_asked_for(wire: Wire) -> None:
    wire("POST", CLAIMS, CLAIM)
    bound = {"status": {"phase": "Bound", "capacity": {"storage": "8Gi"}}}
    assert wire.patch(f"{CLAIMS}/x/status", bound).status == 200
    for size in ("2Gi", "2Gi", "4Gi"):
        spec = {"resources": {"requests": {"storage": size}}}
        assert wire.patch(f"{CLAIMS}/x", {"spec": spec}).status == 200


@pytest.mark.parametrize(
    "patch", [{"containers": [{"name": "c", "image": "other"}]}, {"activeDeadlineSeconds": 9}]
)
def test_a_pods_image_and_deadline_may_change(wire: Wire, patch: Any) -> None:
    wire("POST", PODS, pod("x"))
    assert wire.patch(PODS + "/x", {"spec": patch}, "strategic-merge-patch").status == 200


def test_defaults_are_written_as_the_real_server_writes_them(wire: Wire) -> None:
    made = wire("POST", PODS, pod("x", volumes=[{"name": "v", "configMap": {"name": "m"}}])).json
    spec = made["spec"]
    assert {
        key: spec[key]
        for key in (
            "restartPolicy",
            "dnsPolicy",
            "terminationGracePeriodSeconds",
            "schedulerName",
            "securityContext",
            "enableServiceLinks",
            "priority",
            "preemptionPolicy",
            "serviceAccountName",
        )
    } == {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "enableServiceLinks": True,
        "priority": 0,
        "preemptionPolicy": "PreemptLowerPriority",
        "serviceAccountName": "default",
    }
    assert spec["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert spec["volumes"][0]["configMap"]["defaultMode"] == 420
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
