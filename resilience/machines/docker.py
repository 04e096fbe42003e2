"""Nodes that are containers, as kind, k3d and minikube make them: `docker kill` and `docker start`.

A container counts as a node's only if it has one of their labels. Before it is stopped it must have
one of the node's InternalIPs as well: any other container of the same name is left alone. Docker
may give it another address when it starts it again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from resilience.cluster.capabilities.machine_driver import NodeIdentity, Order, Power
from resilience.cluster.capabilities.machines import MachineFailed
from resilience.machines import processes
from resilience.model.verb import parameter
from resilience.verbs.context import Refused

LABELS = ("io.x-k8s.kind.cluster", "k3d.cluster", "name.minikube.sigs.k8s.io")
"""Each tool's mark on the containers of its nodes."""

STATES = {"running": Power.ON, "exited": Power.OFF, "created": Power.OFF}


@dataclass(frozen=True, slots=True, kw_only=True)
class Docker:
    """Settings, and the driver itself."""

    kind: ClassVar[str] = "docker"
    about: ClassVar[str] = "Nodes that are containers: kind, k3d, minikube."

    program: str = parameter(
        "The client program to use. The client uses DOCKER_HOST and its own context.",
        default="docker",
        example="podman",
    )

    @property
    def title(self) -> str:
        return self.program

    def rehearse(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        _same_cluster(node, self._container(node, seconds))
        return f"container {node.name}"

    def send(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        """SIGKILL to its first process, which ends all others: nothing is announced."""
        found = self._container(node, seconds)
        if order != "up":
            _same_cluster(node, found)
        running = found["State"].get("Status") == "running"
        words = {"down": ["kill"], "up": ["start"], "reboot": ["restart", "--time", "0"]}[order]
        if order != "down" or running:
            processes.must([self.program, *words, node.name], seconds)
        return f"container {node.name}"

    def power(self, node: NodeIdentity, seconds: float) -> Power | None:
        state = self._container(node, seconds)["State"].get("Status", "")
        return STATES.get(state, Power.BETWEEN)

    def _container(self, node: NodeIdentity, seconds: float) -> dict[str, Any]:
        command = [self.program, "inspect", "--type", "container", node.name]
        done = processes.run(command, seconds)
        if done.code:
            raise Refused(f"{self.program} has no container {node.name}: {done.said}")
        try:
            [found] = json.loads(done.output)
            labels = found["Config"]["Labels"] or {}
            found["State"]["Status"], found["NetworkSettings"]["Networks"]
        except (ValueError, KeyError, TypeError) as error:
            raise MachineFailed(f"`{' '.join(command)}` gave no description of one container:"
                                f" {error!r}") from error  # fmt: skip
        if not any(label in labels for label in LABELS):
            raise Refused(
                f"container {node.name} is not a node of kind, k3d or minikube: it has none of the"
                f" labels {', '.join(LABELS)}"
            )
        return dict(found)


def _same_cluster(node: NodeIdentity, found: dict[str, Any]) -> None:
    networks = found["NetworkSettings"]["Networks"] or {}
    keys = ("IPAddress", "GlobalIPv6Address")
    own = {each[key] for each in networks.values() for key in keys if each.get(key)}
    if own and not own & set(node.addresses):
        raise Refused(
            f"container {node.name} has the addresses {', '.join(sorted(own))}, the node"
            f" {', '.join(node.addresses) or 'none'}: it belongs to another cluster"
        )
