"""What is behind a host in a cluster: Services, Pods, nodes, and routes that lead to them."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster import connect
from resilience.cluster.access.access_value import Access
from resilience.cluster.errors import ClusterError, Forbidden, NotFound
from resilience.cluster.interface import (
    ENDPOINTSLICES,
    NAMESPACES,
    NODES,
    PODS,
    SERVICES,
    Resource,
)
from resilience.engine.guard.behind_hosts import API, BY_CONTROLLER, Network
from resilience.engine.guard.expanded import expanded
from resilience.model.step_reach import Host, Reach, within
from resilience.verbs.context import Refused
from tests.engine.fakes import FakeClock, FakeCluster

INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
HTTP_ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
GATEWAYS = Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway")
MESH = Resource("networking.istio.io", "v1", "virtualservices", "VirtualService")
TRAEFIK = Resource("traefik.io", "v1alpha1", "ingressroutes", "IngressRoute")
MANAGED = "endpointslice.kubernetes.io/managed-by"
BALANCER = "a1.elb.test"


def named(name: str, namespace: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, **more}


def balanced(**ingress: str) -> dict[str, Any]:
    return {"loadBalancer": {"ingress": [ingress]}}


def route(
    name: str, namespace: str, host: str, service: str = "web", **more: Any
) -> dict[str, Any]:
    backend = {"service": {"name": service, "port": {"number": 80}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "backend": backend}]}}
    return named(name, namespace, spec={"rules": [rule], **more}, status=balanced(ip="203.0.113.9"))


def sliced(service: str, address: str, labels: dict[str, str]) -> dict[str, Any]:
    noted = {"kubernetes.io/service-name": service, **labels}
    return {"metadata": {"name": f"{service}-1", "namespace": "shop", "labels": noted},
            "endpoints": [{"addresses": [address]}]}  # fmt: skip


SEEN = (
    (NODES, {"metadata": {"name": "worker-1"}, "status": {"addresses": [
        {"type": "InternalIP", "address": "192.0.2.1"},
        {"type": "InternalDNS", "address": "ip-192-0-2-1.internal"}]}}),
    (SERVICES, named("web", "bank", spec={
        "clusterIP": "10.96.0.7", "selector": {"app": "web"}, "externalIPs": ["203.0.113.7"],
        "ports": [{"port": 80, "nodePort": 30080}]})),
    (SERVICES, {"metadata": {"name": "noted", "namespace": "lab", "annotations": {
        "external-dns.alpha.kubernetes.io/hostname": "n1.test, N2.test."}},
        "spec": {"externalIPs": ["FD00:0::9"]}}),
    (SERVICES, named("odd", "lab", status=balanced(hostname="odd.test"))),
    (NODES, {"metadata": {"name": "worker-2"}, "status": {
        "addresses": [{"address": "192.0.2.2"}]}}),
    (SERVICES, named("edge", "watch", spec={
        "externalIPs": ["192.0.2.2"], "ports": [{"port": 80}]})),
    (PODS, named("plain", "watch", spec={"nodeName": "worker-1", "containers": [{}]})),
    (PODS, named("bare", "watch", spec={"nodeName": "worker-1"})),
    (SERVICES, named("forged", "shop", spec={"clusterIP": "10.96.0.13"})),
    (ENDPOINTSLICES, sliced("forged", "10.244.0.9", {MANAGED: BY_CONTROLLER})),
    (SERVICES, named("both", "shop", spec={"selector": {"app": "web"}})),
    (ENDPOINTSLICES, sliced("both", "10.244.0.9", {MANAGED: "me"})),
    (INGRESSES, named("blank", "lab")),
    (PODS, named("late", "bank", spec={"nodeName": "worker-2", "containers": [
        {"ports": [{"containerPort": 1, "hostPort": 35432}]}], "initContainers": [
        {"ports": [{"containerPort": 1, "hostPort": 35433}]}]},
        status={"podIP": "10.244.1.1", "podIPs": [{"ip": "10.244.1.1"}, {"ip": "fd00::11"}]})),
    (SERVICES, named("node", "shop", spec={"externalName": "192.0.2.1"})),
    (SERVICES, named("mine", "shop", spec={"clusterIP": "10.96.0.12"})),
    (ENDPOINTSLICES, {"metadata": {"name": "mine-1", "namespace": "shop", "labels": {
        "kubernetes.io/service-name": "mine"}}, "endpoints": [{"addresses": ["10.244.0.1"]}]}),
    (GATEWAYS, named("edge", "lab", spec={"listeners": [{"name": "a"}]}, status={
        "addresses": [{"value": "203.0.113.20"}]})),
    (HTTP_ROUTES, named("gone", "shop", spec={"hostnames": ["gone.example.org"], "rules": [
        {"backendRefs": [{"name": "web", "namespace": "nowhere"}, {"kind": "Service"}, "text"]}]})),
    (MESH, named("mesh", "shop", spec={"hosts": ["mesh.example.org"], "http": [{"route": [
        {"destination": {"host": "web.bank.svc.cluster.local"}}, {"destination": {"host": "own"}},
        {"destination": "text"}, {"destination": {}},
    ]}]})),
    (SERVICES, named("edge", "bank", spec={"clusterIPs": ["10.96.0.8"], "ports": [{"port": 443}]},
                     status=balanced(hostname=BALANCER))),
    (SERVICES, named("edge", "shop", spec={"clusterIPs": ["10.96.0.9"], "ports": [{"port": 80}]},
                     status=balanced(hostname=BALANCER))),
    (SERVICES, named("desk", "lab", spec={
        "ports": [{"port": 8080}], "loadBalancerIP": "203.0.113.8"},
        status=balanced(hostname="localhost"))),
    (SERVICES, named("alias", "shop", spec={"externalName": "web.bank.svc.cluster.local."})),
    (SERVICES, named("twice", "shop", spec={"externalName": "alias.shop.svc"})),
    (SERVICES, named("round", "shop", spec={"externalName": "round.shop.svc"})),
    (SERVICES, named("abroad", "shop", spec={"externalName": "db.example.com"})),
    (SERVICES, named("own", "shop", spec={"clusterIP": "10.96.0.10"})),
    (ENDPOINTSLICES, {"metadata": {"name": "own-1", "namespace": "shop", "labels": {
        "kubernetes.io/service-name": "own"}}, "endpoints": [{"addresses": ["10.244.0.9"]}]}),
    (SERVICES, named("web", "shop", spec={"clusterIP": "10.96.0.11", "selector": {"app": "web"}})),
    (ENDPOINTSLICES, {"metadata": {"name": "web-1", "namespace": "shop", "labels": {
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
        "endpoints": [{"addresses": ["10.244.0.99"]}]}),
    (SERVICES, named("kubernetes", "default", spec={"clusterIP": "10.96.0.1"})),
    (ENDPOINTSLICES, {"metadata": {"name": "kubernetes", "namespace": "default", "labels": {
        "kubernetes.io/service-name": "kubernetes"}}, "endpoints": [{"addresses": ["192.0.2.7"]}]}),
    (PODS, named("kubernetes", "bank", status={"podIP": "10.244.0.8"})),
    (PODS, named("web-0", "shop", status={"podIP": "10.244.0.1"})),
    (PODS, named("db-0", "lab", spec={"nodeName": "worker-1", "containers": [
        {"ports": [{"containerPort": 5432, "hostPort": 35432}]}]}, status={"podIP": "10.244.0.9"})),
    (PODS, named("agent", "watch", spec={
        "nodeName": "worker-1", "hostNetwork": True,
        "containers": [{"ports": [{"containerPort": 9100}]}]}, status={"podIP": "192.0.2.1"})),
    (INGRESSES, route("web", "bank", "bank.example.com")),
    (INGRESSES, route("wild", "lab", "*.example.com")),
    (INGRESSES, route("alias", "shop", "alias.example.com", service="alias")),
    (INGRESSES, route("node", "shop", "node.example.com", service="node")),
    (INGRESSES, route("any", "lab", "", defaultBackend={"service": {"name": "web"}})),
    (INGRESSES, named("bare", "bank", spec={}, status=balanced(hostname="alb.test"))),
    (HTTP_ROUTES, named("web", "shop", spec={"hostnames": ["gw.example.org"], "rules": [
        {"backendRefs": [{"name": "web", "namespace": "bank"}]}]})),
    (TRAEFIK, named("web", "bank", spec={"routes": [
        {"match": "Host(`t.example.org`) && Path(`/`)"}]})),
)  # fmt: skip

BEHIND: dict[tuple[str, int], set[str]] = {
    ("192.0.2.1", 30080): {"bank"},
    ("worker-1", 30080): {"bank"},
    ("ip-192-0-2-1.internal", 30080): {"bank"},
    ("192.0.2.1", 35432): {"lab"},
    ("192.0.2.1", 9100): {"watch"},
    ("192.0.2.1", 10250): {"nodes"},
    ("192.0.2.1", 5432): {"nodes"},
    ("192.0.2.1", 0): {"bank", "nodes"},
    ("192.0.2.9", 30080): set(),
    ("worker-2", 35432): {"bank"},
    ("192.0.2.2", 80): {"watch"},
    ("192.0.2.2", 81): {"watch", "nodes"},
    ("odd.test", 80): {"lab"},
    ("forged.shop.svc", 80): {"shop", "lab"},
    ("both.shop.svc", 80): {"shop", "lab"},
    ("worker-2", 35433): {"bank"},
    ("fd00::11", 80): {"bank"},
    ("fd00::9", 80): {"lab"},
    ("n1.test", 80): {"lab"},
    ("n2.test.", 80): {"lab"},
    ("none", 80): set(),
    ("mine.shop.svc", 80): {"shop"},
    ("node.example.com", 443): {"shop", "bank", "nodes"},
    ("203.0.113.20", 443): {"lab"},
    ("gone.example.org", 443): {"shop"},
    ("mesh.example.org", 443): {"shop", "bank", "lab"},
    ("10.96.0.1", 443): {API},
    ("192.0.2.7", 6443): {API},
    ("kubernetes.default.svc", 443): {API},
    ("kubernetes.default", 443): {API},
    ("10.244.0.8", 443): {"bank"},
    ("localhost", 30080): {"bank"},
    ("127.0.0.1", 30080): {"bank"},
    ("localhost", 8080): {"lab"},
    ("localhost", 8000): set(),
    ("127.0.0.1", 0): set(),
    ("203.0.113.7", 80): {"bank"},
    ("203.0.113.8", 8080): {"lab"},
    (BALANCER, 443): {"bank"},
    (BALANCER.upper(), 80): {"shop"},
    (BALANCER, 22): {"bank", "shop"},
    ("alias.shop.svc", 80): {"shop", "bank"},
    ("twice.shop", 80): {"shop", "bank"},
    ("round.shop.svc", 80): {"shop"},
    ("abroad.shop.svc", 80): {"shop", "lab"},
    ("own.shop.svc", 80): {"shop", "lab"},
    ("web.shop.svc", 80): {"shop"},
    ("web-0.alias.shop.svc.cluster.local", 80): {"shop", "bank"},
    ("web.bank.svc.corp.internal", 80): {"bank"},
    ("web.nowhere.svc.corp.internal", 80): set(),
    ("bank.example.com", 443): {"bank"},
    ("Bank.Example.com.", 443): {"bank"},
    ("more.example.com", 443): {"lab"},
    ("alias.example.com", 443): {"shop", "bank"},
    ("example.com", 443): set(),
    ("203.0.113.9", 443): {"lab"},
    ("alb.test", 443): {"bank"},
    ("gw.example.org", 443): {"shop", "bank"},
    ("t.example.org", 443): {"bank"},
    ("path.example.org", 443): set(),
}


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster(FakeClock())
    for kind in (GATEWAYS, HTTP_ROUTES, INGRESSES, MESH, TRAEFIK):
        found.serve(kind)
    for name in ("bank", "default", "lab", "shop", "watch"):
        found.put(NAMESPACES, {"metadata": {"name": name}})
    for kind, body in SEEN:
        found.put(kind, body)
    return found


def behind(cluster: FakeCluster, host: str, port: int, *made: dict[str, Any]) -> set[str]:
    found = expanded(cluster, Reach(hosts=frozenset({Host(host, port)}), objects=made))
    return set(found.namespaces) | ({"nodes"} if found.nodes else set())


@pytest.mark.parametrize(
    ("host", "expected"), BEHIND.items(), ids=[f"{name}:{port}" for name, port in BEHIND]
)
def test_what_is_behind_a_host(
    host: tuple[str, int], expected: set[str], cluster: FakeCluster
) -> None:
    assert behind(cluster, *host) == expected


@pytest.mark.parametrize(
    ("host", "port", "is_api"),
    [
        ("api.test", 443, True),
        ("127.0.0.1", 1, True),
        ("localhost.", 1, True),
        ("0x7f000001", 1, True),
        ("localhost", 443, False),
        ("127.0.0.2", 1, False),
    ],
)
def test_the_address_of_the_kubeconfig_is_the_api_server(
    host: str, port: int, is_api: bool
) -> None:
    server = "https://API.test" if host == "api.test" else "https://localhost:1"
    with connect(Access(server=server, context="kind")) as cluster:
        network = Network(cluster)
        if is_api:
            assert network.reached(Host(host, port)) == within(API)
            return
        with pytest.raises(ClusterError):  # it goes on to ask that server
            network.reached(Host(host, port))


MADE = (
    {"kind": "Service", **named("new", "shop", spec={"externalName": "web.bank.svc"})},
    {"kind": "Service", **named("bare", "shop", spec={"ports": []})},
    {"kind": "EndpointSlice", "metadata": {"name": "any", "namespace": "shop", "labels": {
        "kubernetes.io/service-name": "bare"}}, "endpoints": [{"addresses": ["10.244.0.9"]}]},
    {"kind": "Service", **named("old", "shop", spec={"ports": []})},
    {"kind": "Endpoints", **named("old", "shop", subsets=[
        {"addresses": [{"ip": "10.244.0.9"}, {"hostname": "a"}]}])},
    {"kind": "EndpointSlice", "metadata": {"name": "web", "namespace": "lab", "labels": {
        "kubernetes.io/service-name": "web"}}, "endpoints": [{"addresses": ["10.244.0.9"]}]},
)  # fmt: skip


@pytest.mark.parametrize(
    ("service", "space"), [("new", "bank"), ("bare", "lab"), ("old", "lab"), ("web", "")]
)
def test_what_the_run_itself_would_make_leads_elsewhere_too(
    service: str, space: str, cluster: FakeCluster
) -> None:
    expected = {"shop"} | ({space} if space else set())
    assert behind(cluster, f"{service}.shop.svc", 80, *MADE) == expected


def test_a_service_in_a_namespace_that_the_run_makes_is_followed(cluster: FakeCluster) -> None:
    made = {"kind": "Service", **named("a", "fresh", spec={"externalName": "web.bank.svc"})}
    assert behind(cluster, "a.fresh", 80, made) == {"fresh", "bank"}
    assert behind(cluster, "a.fresh", 80) == set()


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("192.0.2.1", "/api/v1/nodes"),
        ("bank.example.com", "/apis/networking.k8s.io/v1/ingresses"),
        ("own.shop.svc", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"),
    ],
)
def test_where_it_cannot_be_seen_it_is_refused(host: str, path: str, cluster: FakeCluster) -> None:
    denied = Forbidden(403, "not for you")
    cluster.faults.append(lambda method, there: denied if there == path else None)
    with pytest.raises(Refused, match=rf"cannot tell whether '{host}' leads to"):
        behind(cluster, host, 80)


def test_endpoints_of_its_own_namespace_are_known_without_all_pods(cluster: FakeCluster) -> None:
    denied = Forbidden(403, "not for you")
    cluster.faults.append(lambda method, path: denied if path == "/api/v1/pods" else None)
    assert behind(cluster, "mine.shop.svc", 80) == {"shop"}


def test_slices_of_a_service_with_a_selector_need_not_be_seen(cluster: FakeCluster) -> None:
    denied = Forbidden(403, "not for you")
    cluster.faults.append(lambda method, path: denied if "slices" in path else None)
    assert behind(cluster, "web.shop.svc", 80) == {"shop"}
    assert behind(cluster, "10.244.0.9", 80) == {"lab"}


def test_routes_that_are_no_longer_served_lead_nowhere(cluster: FakeCluster) -> None:
    gone = NotFound(404, "not served")
    cluster.faults.append(lambda method, path: gone if "ingresses" in path else None)
    assert behind(cluster, "bank.example.com", 443) == set()
