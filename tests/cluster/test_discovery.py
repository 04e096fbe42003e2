"""Kinds from aggregated and from older discovery; what is not served is told with what is near."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.discovery import Discovery
from resilience.cluster.errors import Invalid, ServerTrouble
from resilience.cluster.interface import DEPLOYMENTS, NODES, PODS, Resource


def entry(plural: str, kind: str, scope: str = "Namespaced", verbs: Any = ("list", "get")) -> Any:
    return {
        "resource": plural,
        "responseKind": {"kind": kind},
        "scope": scope,
        "verbs": list(verbs),
    }


AGGREGATED: dict[str, Any] = {
    "/api": {
        "kind": "APIGroupDiscoveryList",
        "items": [
            {
                "metadata": {},
                "versions": [
                    {
                        "version": "v1",
                        "resources": [
                            entry("pods", "Pod"),
                            entry("nodes", "Node", "Cluster"),
                            entry("bindings", "Binding", verbs=["create"]),
                        ],
                    }
                ],
            }
        ],
    },
    "/apis": {
        "kind": "APIGroupDiscoveryList",
        "items": [
            {
                "metadata": {"name": "apps"},
                "versions": [
                    {"version": "v1", "resources": [entry("deployments", "Deployment")]},
                    {"version": "v1beta1", "resources": [entry("deployments", "Deployment")]},
                ],
            },
            {
                "metadata": {"name": "metrics.k8s.io"},
                "versions": [{"version": "v1beta1", "freshness": "Stale", "resources": []}],
            },
        ],
    },
}

LEGACY: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {
        "resources": [
            {"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["list"]},
            {"name": "pods/log", "kind": "Pod", "namespaced": True, "verbs": ["get"]},
            {"name": "nodes", "kind": "Node", "namespaced": False, "verbs": ["list"]},
        ]
    },
    "/apis": {
        "kind": "APIGroupList",
        "groups": [
            {
                "name": "apps",
                "versions": [{"version": "v1"}, {"version": "v1beta1"}],
                "preferredVersion": {"version": "v1"},
            },
            {"name": "metrics.k8s.io", "versions": [{"version": "v1beta1"}]},
        ],
    },
    "/apis/apps/v1": {
        "resources": [
            {"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["list"]}
        ]
    },
    "/apis/apps/v1beta1": {
        "resources": [
            {"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["list"]}
        ]
    },
}


class Server:
    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = documents
        self.asked: list[str] = []

    def __call__(self, path: str, accept: str) -> Any:
        self.asked.append(path)
        if path not in self.documents:
            raise ServerTrouble(503, "the server is currently unable to handle the request")
        return self.documents[path]


@pytest.mark.parametrize("documents", [AGGREGATED, LEGACY], ids=["aggregated", "legacy"])
def test_discovery_finds_the_preferred_listable_resources(documents: dict[str, Any]) -> None:
    assert Discovery().resources(Server(documents)) == [NODES, PODS, DEPLOYMENTS]


@pytest.mark.parametrize("documents", [AGGREGATED, LEGACY], ids=["aggregated", "legacy"])
def test_a_kind_is_found_in_its_version(documents: dict[str, Any]) -> None:
    discovery, server = Discovery(), Server(documents)
    assert discovery.resource("v1", "Pod", server) == PODS
    older = discovery.resource("apps/v1beta1", "Deployment", server)
    assert older == Resource("apps", "v1beta1", "deployments", "Deployment")


def test_discovery_is_read_once_for_what_is_known() -> None:
    server = Server(AGGREGATED)
    discovery = Discovery()
    discovery.resource("v1", "Pod", server)
    discovery.resource("v1", "Node", server)
    discovery.resources(server)
    assert server.asked == ["/api", "/apis"]


def test_a_kind_that_was_just_defined_is_found() -> None:
    server = Server(dict(AGGREGATED))
    discovery = Discovery()
    discovery.resources(server)
    server.documents["/api"] = {
        "kind": "APIGroupDiscoveryList",
        "items": [
            {
                "metadata": {"name": "x.io"},
                "versions": [{"version": "v1", "resources": [entry("things", "Thing")]}],
            }
        ],
    }
    assert discovery.resource("x.io/v1", "Thing", server).plural == "things"


@pytest.mark.parametrize(
    ("version", "kind", "text"),
    [
        ("v1", "Deployment", "it serves it in apps/v1, apps/v1beta1"),
        ("v1", "Podd", "did you mean `Pod`?"),
        ("v1", "Pood", "these groups did not answer: metrics.k8s.io/v1beta1"),
    ],
)
def test_what_is_not_served_is_told_with_what_is_near(version: str, kind: str, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        Discovery().resource(version, kind, Server(AGGREGATED))
    assert text in str(caught.value)
