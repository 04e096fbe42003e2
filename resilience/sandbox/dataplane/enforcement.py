"""Applies `policy_rules` to addresses, from the API server's current state.

Pods and namespaces are followed only while a policy exists: ten thousand Pods cost nothing here as
long as nothing restricts them. A flag file tells Pods whether they need to ask.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from resilience.sandbox.dataplane.policy_rules import CLUSTER_DNS, DNS_PORT, Peer, allows
from resilience.sandbox.kube.api import EventType, Obj
from resilience.sandbox.wire.api_client import Client
from resilience.sandbox.wire.reflector import Reflector

POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"


@dataclass(slots=True)
class Enforcement:
    """`flag` exists while there is a NetworkPolicy and everything needed to judge is known; at
    `dns_address` is the cluster's DNS."""

    client: Client
    flag: Path
    dns_address: str = ""
    policies: dict[str, Obj] = field(default_factory=dict)
    _pods: dict[str, Obj] = field(default_factory=dict)
    _namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    _following: list[asyncio.Task[None]] = field(default_factory=list)

    def policy_changed(self, kind: EventType, obj: Obj, old: Obj | None) -> None:
        """Handler for the reflector of NetworkPolicies."""
        uid = obj["metadata"]["uid"]
        if kind == "DELETED":
            self.policies.pop(uid, None)
        else:
            self.policies[uid] = obj
        if self.policies and not self._following:
            self._follow()
        elif not self.policies:
            self._leave()

    def _follow(self) -> None:
        pods = Reflector(self.client, "/api/v1/pods", self._pod_changed)
        namespaces = Reflector(self.client, "/api/v1/namespaces", self._namespace_changed)
        loop = asyncio.get_running_loop()

        async def raise_flag() -> None:
            await pods.synced.wait()
            await namespaces.synced.wait()
            self.flag.touch()

        for body in (pods.run(), namespaces.run(), raise_flag()):
            self._following.append(loop.create_task(body))

    def _leave(self) -> None:
        self.flag.unlink(missing_ok=True)
        for task in self._following:
            task.cancel()
        self._following.clear()
        self._pods.clear()
        self._namespaces.clear()

    def _pod_changed(self, kind: EventType, obj: Obj, old: Obj | None) -> None:
        address = obj.get("status", {}).get("podIP")
        if not address or obj["spec"].get("hostNetwork"):
            return
        if kind != "DELETED":
            self._pods[address] = obj
        elif self._pods.get(address, obj)["metadata"]["uid"] == obj["metadata"]["uid"]:
            self._pods.pop(address, None)

    def _namespace_changed(self, kind: EventType, obj: Obj, old: Obj | None) -> None:
        if kind == "DELETED":
            self._namespaces.pop(obj["metadata"]["name"], None)
        else:
            self._namespaces[obj["metadata"]["name"]] = obj["metadata"].get("labels") or {}

    def allows(self, source: str, target: str, port: int, protocol: str) -> bool:
        """Whether a connection between two addresses is allowed."""
        if not self.policies:
            return True
        ends = self._peer(source), self._peer(target)
        return allows(self.policies.values(), *ends, port, protocol)

    def allows_dns(self, source: str) -> bool:
        """Whether a Pod may use the cluster's DNS."""
        if not self.policies:
            return True
        policies = self.policies.values()
        return allows(policies, self._peer(source), CLUSTER_DNS, DNS_PORT, "UDP")

    def _peer(self, address: str) -> Peer:
        if address == self.dns_address:
            return CLUSTER_DNS
        pod = self._pods.get(address)
        if pod is None:
            return Peer(address=address)
        namespace = pod["metadata"]["namespace"]
        return Peer(
            address=address,
            namespace=namespace,
            labels=pod["metadata"].get("labels") or {},
            namespace_labels=self._namespaces.get(namespace, {}),
            ports={
                port["name"]: port["containerPort"]
                for container in pod["spec"]["containers"]
                for port in container.get("ports") or []
                if "name" in port
            },
        )
