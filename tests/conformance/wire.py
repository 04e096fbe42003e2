"""A cluster as these tests see it: the official client's connection, plain JSON, and watches.

`request` never raises for an answer of the server; it returns the status and the body, because a
refusal is often what a test is about. Waiting is done on a watch with a deadline, never by sleep.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes import client, config

Obj = dict[str, Any]
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
DEADLINE = 60.0

GROUPS = {
    "deployments": "apps/v1", "replicasets": "apps/v1", "statefulsets": "apps/v1",
    "daemonsets": "apps/v1", "controllerrevisions": "apps/v1", "jobs": "batch/v1",
    "cronjobs": "batch/v1", "poddisruptionbudgets": "policy/v1",
    "endpointslices": "discovery.k8s.io/v1", "storageclasses": "storage.k8s.io/v1",
    "leases": "coordination.k8s.io/v1", "priorityclasses": "scheduling.k8s.io/v1",
    "networkpolicies": "networking.k8s.io/v1",
}  # fmt: skip
CLUSTER_WIDE = {"namespaces", "nodes", "persistentvolumes", "storageclasses", "priorityclasses"}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body (a mapping; `{"text": ...}` where it is no JSON) and headers of an answer."""

    status: int
    body: Obj
    headers: dict[str, str]

    @property
    def causes(self) -> list[Obj]:
        """`details.causes` of a Status."""
        causes: list[Obj] = (self.body.get("details") or {}).get("causes") or []
        return causes


class Refused(AssertionError):
    """A request that the test expected to succeed did not."""


class Cluster:
    """One connection, one namespace for a test's objects."""

    def __init__(self, api: client.ApiClient, namespace: str = "default") -> None:
        self._api = api
        self.namespace = namespace

    def within(self, namespace: str) -> Cluster:
        """The same connection with another namespace."""
        return Cluster(self._api, namespace)

    # -- requests --------------------------------------------------------------------------------

    def path(self, plural: str, name: str = "", subresource: str = "") -> str:
        """The URL path of a collection, an object or its subresource."""
        group = GROUPS.get(plural)
        base = f"/apis/{group}" if group else "/api/v1"
        where = "" if plural in CLUSTER_WIDE else f"/namespaces/{self.namespace}"
        parts = [f"{base}{where}/{plural}", name, subresource]
        return "/".join(part for part in parts if part)

    def request(
        self, method: str, path: str, body: Any = None, *, content: str = "application/json",
        accept: str = "application/json", **query: Any,
    ) -> Answer:  # fmt: skip
        """One request; query parameters by their Kubernetes names."""
        response = self._open(method, path, body, content, accept, query)
        text = response.data.decode()
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = {"text": text}
        return Answer(response.status, parsed, dict(response.headers))

    def _open(
        self, method: str, path: str, body: Any, content: str, accept: str, query: Obj,
        *, stream: bool = False, timeout: float = 30.0,
    ) -> urllib3.BaseHTTPResponse:  # fmt: skip
        configuration = self._api.configuration
        headers = {"Accept": accept}
        for setting in configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        data = None
        if body is not None:
            headers["Content-Type"] = content
            data = json.dumps(body).encode()
        url = configuration.host + path + (f"?{urlencode(query)}" if query else "")
        found: urllib3.BaseHTTPResponse = self._api.rest_client.pool_manager.request(
            method, url, body=data, headers=headers, preload_content=not stream, retries=False,
            timeout=urllib3.Timeout(connect=10, read=timeout),
        )  # fmt: skip
        return found

    def text(self, method: str, path: str) -> str:
        """The body of an answer as it came."""
        response = self._open(method, path, None, "", "application/json", {})
        return str(response.data.decode())

    def _must(self, answer: Answer) -> Obj:
        if answer.status >= 300:
            raise Refused(f"{answer.status}: {answer.body.get('message', answer.body)}")
        return answer.body

    def create(self, plural: str, body: Obj) -> Obj:
        """POST; Refused when it is."""
        return self._must(self.request("POST", self.path(plural), self.whole(plural, body)))

    def whole(self, plural: str, body: Obj) -> Obj:
        """A body with apiVersion and kind filled in."""
        kind = KINDS[plural]
        return {"apiVersion": GROUPS.get(plural, "v1"), "kind": kind, **body}

    def get(self, plural: str, name: str) -> Obj:
        """GET; Refused when absent."""
        return self._must(self.request("GET", self.path(plural, name)))

    def find(self, plural: str, name: str) -> Obj | None:
        """GET; None when absent."""
        answer = self.request("GET", self.path(plural, name))
        return None if answer.status == 404 else self._must(answer)

    def list(self, plural: str, **query: Any) -> Any:
        """The items of a collection."""
        return self._must(self.request("GET", self.path(plural), **query))["items"]

    def patch(self, plural: str, name: str, patch: Any, content: str = MERGE) -> Obj:
        """PATCH; Refused when it is."""
        path = self.path(plural, name)
        return self._must(self.request("PATCH", path, patch, content=content))

    def delete(self, plural: str, name: str, **options: Any) -> Obj:
        """DELETE with DeleteOptions; Refused when absent."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", **options}
        return self._must(self.request("DELETE", self.path(plural, name), body))

    # -- waiting ---------------------------------------------------------------------------------

    def follow(self, plural: str, version: str, seconds: float, **query: Any) -> Iterator[Obj]:
        """Events of a watch from a version until it ends or the time is over."""
        wanted = {"watch": "true", "resourceVersion": version,
                  "timeoutSeconds": max(1, int(seconds)), **query}  # fmt: skip
        response = self._open(
            "GET", self.path(plural), None, "", "application/json", wanted, stream=True,
            timeout=seconds + 5,
        )  # fmt: skip
        rest = b""
        try:
            for chunk in response.stream(65536, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        finally:
            response.close()

    def until(
        self, plural: str, holds: Callable[[dict[str, Obj]], bool], within: float = DEADLINE,
        **query: Any,
    ) -> dict[str, Obj]:  # fmt: skip
        """Objects by name as soon as a fact about them holds; AssertionError after `within`."""
        end = time.monotonic() + within
        while True:
            answer = self._must(self.request("GET", self.path(plural), **query))
            state = {item["metadata"]["name"]: item for item in answer["items"]}
            if holds(state):
                return state
            version = answer["metadata"]["resourceVersion"]
            for event in self.follow(plural, version, min(30.0, end - time.monotonic()), **query):
                if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
                    break
                name = event["object"]["metadata"]["name"]
                state[name] = event["object"]
                if event["type"] == "DELETED":
                    del state[name]
                if holds(state):
                    return state
                if time.monotonic() > end:
                    break
            if time.monotonic() > end:
                raise AssertionError(f"not within {within} s: {summary(state)}")

    def until_one(
        self, plural: str, name: str, holds: Callable[[Obj], bool], within: float = DEADLINE
    ) -> Obj:
        """One object as soon as a fact about it holds."""
        field = f"metadata.name={name}"
        found = self.until(
            plural, lambda state: name in state and holds(state[name]), within, fieldSelector=field
        )
        return found[name]

    def until_gone(self, plural: str, name: str, within: float = DEADLINE) -> None:
        """Until an object is not there any more."""
        field = f"metadata.name={name}"
        self.until(plural, lambda state: name not in state, within, fieldSelector=field)

    def never(
        self, plural: str, happens: Callable[[dict[str, Obj]], bool], during: float, **query: Any
    ) -> None:
        """Watch for a while and fail as soon as something happens that must not."""
        try:
            self.until(plural, happens, during, **query)
        except AssertionError:
            return
        raise AssertionError(f"happened within {during} s, though it must not")


def summary(state: dict[str, Obj]) -> str:
    """Names and status of objects, for a message."""
    return json.dumps({name: obj.get("status") for name, obj in state.items()})[:2000]


def connect(kubeconfig: str | None, context: str | None) -> Cluster:
    """Open a cluster as the official client would."""
    open_client: Callable[..., client.ApiClient] = config.new_client_from_config
    return Cluster(open_client(config_file=kubeconfig, context=context))


KINDS = {
    "deployments": "Deployment", "replicasets": "ReplicaSet", "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet", "jobs": "Job", "cronjobs": "CronJob", "pods": "Pod",
    "services": "Service", "configmaps": "ConfigMap", "secrets": "Secret",
    "namespaces": "Namespace", "nodes": "Node", "serviceaccounts": "ServiceAccount",
    "poddisruptionbudgets": "PodDisruptionBudget", "persistentvolumes": "PersistentVolume",
    "persistentvolumeclaims": "PersistentVolumeClaim", "resourcequotas": "ResourceQuota",
    "endpointslices": "EndpointSlice", "endpoints": "Endpoints",
    "storageclasses": "StorageClass", "events": "Event", "leases": "Lease",
    "priorityclasses": "PriorityClass", "limitranges": "LimitRange",
    "replicationcontrollers": "ReplicationController",
}  # fmt: skip
