"""A drill's copy claims no public name, costs nothing, and touches neither nodes nor originals."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from resilience.backup.drills.safety import Harmless, harmless, without_priority
from resilience.backup.objects.rules import strip
from resilience.backup.proof.diff import compared
from resilience.backup.proof.drill_terms import ENTRIES, drill_terms, not_rewritten
from resilience.backup.proof.may_differ import LIST
from resilience.cluster.interface import Object


def made(api: str, kind: str, spec: Any = None, **metadata: Any) -> Object:
    obj: Object = {"apiVersion": api, "kind": kind}
    obj["metadata"] = {"name": "x", "namespace": "shop", **metadata}
    return obj | ({"spec": copy.deepcopy(spec)} if spec is not None else {})


def copied(obj: Object) -> Object:
    """What a drill creates of it. The proof excuses exactly that."""
    mine = copy.deepcopy(obj)
    touched = harmless(mine)
    assert not isinstance(touched, str), touched
    assert compared(obj, mine, (*LIST, *ENTRIES)).differences == []
    assert list(not_rewritten(obj, mine)) == []
    return mine


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [each for inner in value.values() for each in strings(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in strings(inner)]
    return [value] if isinstance(value, str) else []


GATEWAY = "gateway.networking.k8s.io/v1"
HOST = "shop.example.com"


@pytest.mark.parametrize(
    ("api", "kind", "spec"),
    [
        (
            "networking.k8s.io/v1",
            "Ingress",
            {"rules": [{"host": HOST}], "tls": [{"hosts": [HOST]}]},
        ),
        ("extensions/v1beta1", "Ingress", {"rules": [{"host": HOST}]}),
        (GATEWAY, "HTTPRoute", {"hostnames": [HOST]}),
        (GATEWAY, "GRPCRoute", {"hostnames": [HOST]}),
        (GATEWAY, "TLSRoute", {"hostnames": [HOST]}),
        (GATEWAY, "Gateway", {"listeners": [{"name": "a", "hostname": HOST}]}),
        ("route.openshift.io/v1", "Route", {"host": HOST}),
        ("projectcontour.io/v1", "HTTPProxy", {"virtualhost": {"fqdn": HOST}}),
        ("externaldns.k8s.io/v1alpha1", "DNSEndpoint", {"endpoints": [{"dnsName": HOST}]}),
        ("cert-manager.io/v1", "Certificate", {"dnsNames": [HOST], "commonName": HOST}),
        ("v1", "Service", {"type": "ExternalName", "externalName": HOST}),
    ],
)
def test_a_known_kinds_public_names_are_taken_away(api: str, kind: str, spec: Any) -> None:
    obj = copied(made(api, kind, spec))
    assert HOST not in strings(obj["spec"])
    assert f"{HOST}.drill.invalid" in strings(obj["spec"])


@pytest.mark.parametrize("length", [239, 240, 253])
def test_no_name_gets_longer_than_dns_allows(length: int) -> None:
    host = ("a" * 60 + ".") * 4
    obj = copied(made("v1", "Service", {"externalName": host.ljust(length, "b")[:length]}))
    name = obj["spec"]["externalName"]
    assert name.endswith(".drill.invalid")
    assert len(name) <= 253


OWN = "kubernetes.io/pvc-protection"


@pytest.mark.parametrize(
    ("api", "kind", "spec"),
    [
        ("v1", "ConfigMap", {}),
        ("apps/v1", "Deployment", {"template": {"metadata": {"finalizers": ["a.example/x"]}}}),
        (
            "batch/v1",
            "CronJob",
            {"jobTemplate": {"spec": {"template": {"metadata": {"finalizers": ["a.example/x"]}}}}},
        ),
        (
            "apps/v1",
            "StatefulSet",
            {"volumeClaimTemplates": [{"metadata": {"finalizers": [OWN, "a.example/x"]}}]},
        ),
    ],
)
def test_no_controller_has_to_release_the_copy(api: str, kind: str, spec: Any) -> None:
    held = ["a.example/x", OWN, "service.kubernetes.io/load-balancer-cleanup"]
    obj = copied(made(api, kind, spec, finalizers=held))
    assert obj["metadata"]["finalizers"] == [OWN]
    assert "a.example/x" not in str(obj)


def test_a_copy_that_somebodys_finalizer_holds_is_a_difference() -> None:
    held = made("v1", "ConfigMap", {}, finalizers=["a.example/x"])
    assert [str(each) for each in not_rewritten(held, held)]


@pytest.mark.parametrize(
    ("api", "kind"), [("v1", "Endpoints"), ("discovery.k8s.io/v1", "EndpointSlice")]
)
def test_addresses_written_by_hand_are_left_out_and_told(api: str, kind: str) -> None:
    obj = made(api, kind)
    assert harmless(copy.deepcopy(obj)) == "it leads to addresses outside the copy"
    assert drill_terms((), {}).absent(obj)


@pytest.mark.parametrize("group", ["traefik.io/v1alpha1", "traefik.containo.us/v1alpha1"])
def test_a_traefik_route_matches_nobodys_requests(group: str) -> None:
    spec = {"routes": [{"match": f"Host(`{HOST}`) && PathPrefix(`/`)"}, {"match": "Path(`/a`)"}]}
    obj = copied(made(group, "IngressRoute", spec))
    for route in obj["spec"]["routes"]:
        assert route["match"].startswith("Host(`any.drill.invalid`) && (")


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute", "TLSRoute"])
def test_a_route_without_a_hostname_does_not_catch_all(kind: str) -> None:
    obj = copied(made(GATEWAY, kind, {"rules": []}))
    assert obj["spec"]["hostnames"] == ["any.drill.invalid"]


def test_an_openshift_route_without_a_host_is_given_none() -> None:
    assert copied(made("route.openshift.io/v1", "Route", {"to": {}}))["spec"]["host"] == (
        "x.drill.invalid"
    )


@pytest.mark.parametrize(
    "spec",
    [
        {"defaultBackend": {"service": {"name": "www"}}},
        {"rules": [{"http": {"paths": []}}]},
        {"ingressClassName": "nginx", "rules": [{"host": HOST}]},
    ],
    ids=["default backend", "no host", "a class"],
)
def test_no_controller_serves_a_copied_ingress(spec: Any) -> None:
    obj = copied(
        made(
            "networking.k8s.io/v1",
            "Ingress",
            spec,
            annotations={
                "kubernetes.io/ingress.class": "nginx",
                "nginx.ingress.kubernetes.io/server-alias": "www.example.com",
                "cert-manager.io/cluster-issuer": "letsencrypt",
                "alb.ingress.kubernetes.io/scheme": "internet-facing",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
            },
        )
    )
    assert obj["spec"]["ingressClassName"] == "resilience-drill"
    assert list(obj["metadata"]["annotations"]) == [
        "kubectl.kubernetes.io/last-applied-configuration"
    ]


def test_no_controller_serves_a_copied_gateway() -> None:
    spec = {"gatewayClassName": "istio", "addresses": [{"value": "203.0.113.9"}]}
    assert copied(made(GATEWAY, "Gateway", spec))["spec"] == {
        "gatewayClassName": "resilience-drill"
    }


@pytest.mark.parametrize(
    "domain",
    [
        "external-dns.alpha.kubernetes.io/hostname",
        "external-dns.kubernetes.io/hostname",
        "dns.alpha.kubernetes.io/external",
        "k8s.v1.cni.cncf.io/networks",
        "v1.multus-cni.io/default-network",
        "cni.projectcalico.org/ipAddrs",
        "reflector.v1.k8s.emberstack.com/reflection-auto-namespaces",
        "replicator.v1.mittwald.de/replicate-to",
        "kubed.appscode.com/sync",
    ],
)
def test_no_annotation_that_leads_out_survives_anywhere(domain: str) -> None:
    template = {"metadata": {"annotations": {domain: HOST, "own": "1"}}, "spec": {"containers": []}}
    obj = copied(
        made(
            "apps/v1", "Deployment", {"template": template}, annotations={domain: HOST, "own": "1"}
        )
    )
    assert obj["metadata"]["annotations"] == {"own": "1"}
    assert obj["spec"]["template"]["metadata"]["annotations"] == {"own": "1"}


@pytest.mark.parametrize(
    "spec",
    [
        {
            "type": "LoadBalancer",
            "loadBalancerIP": "203.0.113.9",
            "loadBalancerClass": "x",
            "loadBalancerSourceRanges": ["0.0.0.0/0"],
            "allocateLoadBalancerNodePorts": True,
            "externalTrafficPolicy": "Local",
            "healthCheckNodePort": 32000,
            "ports": [{"port": 80, "nodePort": 31234}],
        },
        {"type": "NodePort", "ports": [{"port": 80, "nodePort": 31234}]},
        {"type": "ClusterIP", "externalIPs": ["203.0.113.9"], "ports": [{"port": 80}]},
        {"clusterIP": "10.0.0.77", "clusterIPs": ["10.0.0.77"], "ports": [{"port": 80}]},
    ],
)
def test_a_service_is_reached_from_inside_only(spec: Any) -> None:
    annotated = {"service.beta.kubernetes.io/aws-load-balancer-type": "nlb", "own": "1"}
    obj = copied(made("v1", "Service", spec, annotations=annotated))
    assert obj["spec"].get("type", "ClusterIP") == "ClusterIP"
    assert obj["spec"].keys() <= {"type", "ports"}
    assert obj["spec"]["ports"] == [{"port": 80}]
    assert obj["metadata"]["annotations"] == {"own": "1"}


def test_a_headless_service_stays_headless() -> None:
    assert copied(made("v1", "Service", {"clusterIP": "None"}))["spec"] == {"clusterIP": "None"}


@pytest.mark.parametrize(
    "label",
    [
        "argocd.argoproj.io/instance",
        "kustomize.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/name",
        "app.kubernetes.io/instance",
        "kapp.k14s.io/app",
        "applyset.kubernetes.io/part-of",
        "addonmanager.kubernetes.io/mode",
        "objectset.rio.cattle.io/hash",
    ],
)
def test_no_gitops_controller_takes_the_copy_for_its_own(label: str) -> None:
    tracked = {label: "shop", "app": "web"}
    obj = copied(made("v1", "ConfigMap", labels=tracked, annotations=dict(tracked)))
    assert obj["metadata"]["labels"] == obj["metadata"]["annotations"] == {"app": "web"}


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("Service", "mirror.linkerd.io/exported"),
        ("Service", "istio.io/global"),
        ("Service", "solo.io/service-scope"),
        ("ConfigMap", "grafana_dashboard"),
        ("ConfigMap", "grafana_dashboards"),
        ("Secret", "grafana_datasource"),
        ("Secret", "grafana_alert"),
        ("ConfigMap", "grafana_notifier"),
        ("ConfigMap", "grafana_plugin"),
    ],
)
def test_no_program_elsewhere_takes_the_copy_for_the_original(kind: str, label: str) -> None:
    labels = {label: "true", "app": "web", f"x-{label}": "kept"}
    obj = made("v1", kind, labels=labels)
    assert copied(obj)["metadata"]["labels"] == {"app": "web", f"x-{label}": "kept"}
    (harm,) = not_rewritten(obj, obj)
    assert label in harm.pointer.replace("~1", "/")


def test_a_pod_keeps_the_label_by_which_services_select_it() -> None:
    labels = {"app.kubernetes.io/instance": "shop"}
    assert copied(made("v1", "Pod", {"containers": []}, labels=dict(labels)))["metadata"][
        "labels"
    ] == (labels)


CONTAINER = {"name": "a", "ports": [{"containerPort": 80, "hostPort": 80}]}
ON_THE_NODE = {
    "hostNetwork": True,
    "hostPID": True,
    "hostIPC": True,
    "priorityClassName": "critical",
    "priority": 1000,
    "preemptionPolicy": "PreemptLowerPriority",
    "containers": [CONTAINER],
    "initContainers": [CONTAINER],
    "volumes": [
        {"name": "node", "hostPath": {"path": "/var/lib/data"}},
        {"name": "share", "nfs": {"server": "nas", "path": "/data"}},
        {"name": "smb", "csi": {"driver": "smb.csi.k8s.io"}},
        {"name": "own", "emptyDir": {"medium": "Memory"}},
        {"name": "claim", "persistentVolumeClaim": {"claimName": "data"}},
    ],
}


@pytest.mark.parametrize(
    ("api", "kind", "wrap"),
    [
        ("v1", "Pod", lambda pod: pod),
        ("apps/v1", "Deployment", lambda pod: {"template": {"spec": pod}}),
        ("apps/v1", "StatefulSet", lambda pod: {"template": {"spec": pod}}),
        ("apps/v1", "DaemonSet", lambda pod: {"template": {"spec": pod}}),
        ("batch/v1", "Job", lambda pod: {"template": {"spec": pod}}),
        (
            "batch/v1",
            "CronJob",
            lambda pod: {"jobTemplate": {"spec": {"template": {"spec": pod}}}, "suspend": True},
        ),
    ],
)
def test_a_pod_leaves_its_node_alone(api: str, kind: str, wrap: Any) -> None:
    obj = copied(made(api, kind, wrap(copy.deepcopy(ON_THE_NODE))))
    pod = obj["spec"]
    while "containers" not in pod:
        pod = pod.get("jobTemplate") or pod.get("template") or pod["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert not {"priorityClassName", "priority", "preemptionPolicy"} & pod.keys()
    for part in ("containers", "initContainers"):
        assert pod[part][0]["ports"] == [{"containerPort": 80}]
    assert pod["volumes"] == [
        {"name": "node", "emptyDir": {}},
        {"name": "share", "emptyDir": {}},
        {"name": "smb", "emptyDir": {}},
        {"name": "own", "emptyDir": {"medium": "Memory"}},
        {"name": "claim", "persistentVolumeClaim": {"claimName": "data"}},
    ]


def test_a_copy_that_kept_its_priority_is_a_difference_but_not_the_default_class_of_a_pod() -> None:
    def workload(**spec: Any) -> Object:
        return made("apps/v1", "Deployment", {"template": {"spec": {"containers": [], **spec}}})

    [told] = not_rewritten(workload(), workload(priorityClassName="critical"))
    assert "never evicts the original's Pods" in str(told)
    pod = made("v1", "Pod", {"containers": [], "priorityClassName": "default"})
    assert list(not_rewritten(pod, pod)) == []


def test_a_custom_resource_is_left_out_unless_the_plan_names_it() -> None:
    obj = made("example.com/v1", "Widget", {"dnsName": HOST})
    assert "`drill: {custom: [widgets.example.com]}`" in str(
        Harmless(names={"Widget.example.com": "widgets.example.com"})(copy.deepcopy(obj))
    )
    named = Harmless(custom=("widgets.*",), names={"Widget.example.com": "widgets.example.com"})
    assert named(copy.deepcopy(obj)) == {}


@pytest.mark.parametrize(
    ("obj", "field", "wrong"),
    [
        (made("batch/v1", "CronJob", {}), "suspend", False),
        (made("v1", "Service", {"type": "LoadBalancer"}), "type", "NodePort"),
        (made("v1", "Service", {}), "externalIPs", ["203.0.113.9"]),
        (
            made("networking.k8s.io/v1", "Ingress", {"ingressClassName": "nginx"}),
            "ingressClassName",
            "traefik",
        ),
        (
            made("networking.k8s.io/v1", "NetworkPolicy", {"policyTypes": ["Ingress", "Egress"]}),
            "policyTypes",
            ["Egress"],
        ),
        (made("route.openshift.io/v1", "Route", {"host": HOST}), "host", "other.example.com"),
        (made("v1", "Pod", {"containers": []}), "hostNetwork", True),
    ],
)
def test_a_copy_that_was_not_made_harmless_is_a_difference(
    obj: Object, field: str, wrong: Any
) -> None:
    """Also where it is exactly as recorded, and where it became something else."""
    for recorded in (wrong, obj["spec"].get(field)):
        was, live = copy.deepcopy(obj), copy.deepcopy(obj)
        was["spec"][field], live["spec"][field] = recorded, wrong
        told = [str(each) for each in not_rewritten(was, live)]
        assert any(line.startswith(f"/spec/{field}: harmful:") for line in told), told
    rewritten = copy.deepcopy(obj)
    harmless(rewritten)
    assert list(not_rewritten(obj, rewritten)) == []


@pytest.mark.parametrize("spec", [None, {}], ids=["null", "empty"])
@pytest.mark.parametrize(
    ("api", "kind"),
    [
        ("batch/v1", "CronJob"),
        ("v1", "Service"),
        ("v1", "Pod"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        (GATEWAY, "HTTPRoute"),
        ("route.openshift.io/v1", "Route"),
    ],
)
def test_an_object_with_next_to_nothing_in_it_breaks_no_rule(
    api: str, kind: str, spec: Any
) -> None:
    obj = made(api, kind, labels=None, annotations=None) | {"spec": spec}
    assert not isinstance(harmless(obj), str)


def test_ports_that_differ_by_protocol_only_are_told_apart() -> None:
    fields: dict[str, dict[str, Any]] = {'k:{"port":80,"protocol":"UDP"}': {"f:nodePort": {}}}
    managed = [
        {"manager": "argocd", "operation": "Apply", "fieldsV1": {"f:spec": {"f:ports": fields}}}
    ]
    ports = [
        {"port": 80, "protocol": "TCP", "nodePort": 30001},
        {"port": 80, "protocol": "UDP", "nodePort": 30002},
    ]
    service = made("v1", "Service", {"ports": ports}, managedFields=managed)
    strip(service)
    assert [each.get("nodePort") for each in service["spec"]["ports"]] == [None, 30002]


def test_each_field_of_a_priority_that_was_removed_is_named() -> None:
    pod = {"priorityClassName": "critical", "priority": 1000, "containers": []}
    obj = made("apps/v1", "Deployment", {"template": {"spec": pod}})
    place = "/spec/template/spec"
    assert [*without_priority(obj)] == [f"{place}/priorityClassName", f"{place}/priority"]
    assert [*without_priority(obj)] == []
