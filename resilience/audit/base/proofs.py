"""Steps of scenarios that prove what a rule suspects, as YAML ready to paste under a scenario.

`given`, `while`, `when` and `then` are whole keys; the tests read each proof with the language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from resilience.audit.base.inventory import Inventory, key_of
from resilience.audit.base.rule import Hit
from resilience.audit.base.workloads import SCALED, Workload, listed, mapping
from resilience.kube.objects import Object, name, namespace

ROLLED = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
"""Kinds that `restart` and `set_image` know."""

SCALABLE = SCALED - {"ReplicationController"}
"""Kinds that `scale` knows."""

_PLAIN = re.compile(r"/?[A-Za-z0-9][\w./=-]*|/")


def scalar(text: str) -> str:
    """A text in flow style, quoted where YAML would read something else."""
    if re.fullmatch(_PLAIN, text) and not re.fullmatch(
        r"[\d._+-]+|(?i:yes|no|on|off|y|n|true|false|null)", text
    ):
        return text
    return json.dumps(text, ensure_ascii=False)


def labels_of(workload: Workload) -> str:
    """A selector of its Pods, as scenarios write it; "" where it has none."""
    wanted: Mapping[str, Any] = mapping(workload.object, "spec", "selector", "matchLabels")
    if not wanted and workload.kind == "ReplicationController":
        wanted = mapping(workload.object, "spec", "selector")
    wanted = wanted or workload.labels
    return ",".join(f"{key}={value}" for key, value in sorted(wanted.items()))


def pods(workload: Workload, more: str = "count: 1") -> str:
    """`{owner: deployment/checkout, count: 1}`: how a Pod action chooses among its Pods."""
    if workload.kind == "Pod":
        return f"{{name: {scalar(workload.name)}, bare: true}}"
    return f"{{owner: {scalar(workload.reference)}, {more}}}"


def ready(workload: Workload, within: str = "2m") -> list[str]:
    """Wait until the workload is complete again."""
    if workload.kind not in ROLLED | SCALED:
        return []
    return [f"- ready: {workload.reference}", f"  within: {within}"]


def steps(phase: str, *lines: str) -> str:
    """One phase."""
    return "\n".join([f"{phase}:", *(f"  {line}" for line in lines)])


def judged(workload: Workload, *act: str) -> str:
    """`when` with these steps, and `then` with what must hold in the end."""
    last = ready(workload) or ["- recovered: {}", "  within: 2m"]
    return steps("when", *act) + "\n" + steps("then", *last)


def probe(workload: Workload, inventory: Inventory) -> str:
    """The phase `while` with a connection to a Service of the workload; "" without one."""
    for service in inventory.served.get(id(workload.object), ()):
        ports = listed(mapping(service, "spec"), "ports")
        tcp = next((p for p in ports if p.get("protocol", "TCP") == "TCP" and "port" in p), None)
        if tcp is not None:
            return (
                steps(
                    "while",
                    f"- tcp: {{service: {scalar(name(service))}, port: {tcp['port']}}}",
                    "  objective: {availability: 99%, longest_outage: 2s}",
                )
                + "\n"
            )
    return ""


def _with(hit: Hit, inventory: Inventory, *act: str) -> str:
    workload = inventory.workload(hit.object)
    return probe(workload, inventory) + judged(workload, *act) if workload else ""


def kill_one(hit: Hit, inventory: Inventory) -> str:
    """Lose one Pod."""
    workload = inventory.workload(hit.object)
    if workload is None or not workload.lasting:
        return ""
    return _with(hit, inventory, f"- kill: {pods(workload)}")


def crash_one(hit: Hit, inventory: Inventory) -> str:
    """Lose one process."""
    workload = inventory.workload(hit.object)
    if workload is None or not workload.lasting:
        return ""
    return _with(hit, inventory, f"- crash: {pods(workload)}")


def restart(hit: Hit, inventory: Inventory) -> str:
    """Restart the workload; if its kind does not support that, kill one Pod."""
    workload = inventory.workload(hit.object)
    if workload is None or workload.kind not in ROLLED:
        return kill_one(hit, inventory)
    return _with(hit, inventory, f"- restart: {workload.reference}")


def drain(hit: Hit, inventory: Inventory) -> str:
    """Drain a node that it runs on."""
    workload = inventory.workload(hit.object)
    if workload is None or not workload.lasting or workload.kind == "DaemonSet":
        return kill_one(hit, inventory)
    return _with(hit, inventory, *drain_of(workload))


def drain_of(workload: Workload) -> tuple[str, ...]:
    """The step itself; a bare Pod would keep a drain from ending."""
    chosen = f"{{running: {scalar(labels_of(workload))}}}" if labels_of(workload) else "biggest"
    more = ", bare: true" if workload.kind == "Pod" else ""
    if any("emptyDir" in volume for volume in workload.volumes):
        more += ", empty_dir: true"
    return f"- drain: {{node: {chosen}{more}}}", "  within: 5m"


def node_down(hit: Hit, inventory: Inventory) -> str:
    """Stop a node that the workload runs on, without warning."""
    workload = inventory.workload(hit.object)
    if workload is None or not workload.lasting or not labels_of(workload):
        return kill_one(hit, inventory)
    return _with(
        hit, inventory, f"- node_down: {{node: {{running: {scalar(labels_of(workload))}}}}}"
    )


def scale_up(hit: Hit, inventory: Inventory) -> str:
    """Scale the workload up by one Pod."""
    workload = inventory.workload(hit.object)
    if workload is None or workload.kind not in SCALABLE:
        return kill_one(hit, inventory)
    more = (inventory.fewest(workload) or 0) + 1
    return _with(hit, inventory, f"- scale: {{workload: {workload.reference}, replicas: {more}}}")


def evict_covered(hit: Hit, inventory: Inventory) -> str:
    """Evict one Pod that a budget covers."""
    covered = inventory.selected(namespace(hit.object), mapping(hit.object, "spec").get("selector"))
    if not covered:
        return ""
    workload = covered[0]
    return judged(workload, f"- evict: {pods(workload)}")


def reach(hit: Hit, inventory: Inventory) -> str:
    """Send a request to the Service that a finding is about."""
    ports = [p for p in listed(mapping(hit.object, "spec"), "ports") if "port" in p]
    if not ports:
        return ""
    port = f", port: {ports[0]['port']}"
    ask = f"- tcp: {{service: {scalar(name(hit.object))}{port}}}", "  within: 10s"
    return steps("when", *ask) + "\n" + steps("then", *ask)


def identity(obj: Object) -> str:
    """`shop/Deployment/checkout`: the name of an object in reports, baselines and test ids."""
    kind, inside, called = key_of(obj)
    return "/".join(part for part in (inside, kind, called) if part)
