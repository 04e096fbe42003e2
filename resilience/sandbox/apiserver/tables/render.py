"""Tables over the wire: which printer a kind has, column definitions, rows, one-row watch events.

Source: k8s.io/apiserver/pkg/endpoints/handlers/response.go (`asTable`) and meta.k8s.io/v1 Table.
Custom resources print the columns of their definition, or NAME and AGE.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial as partial_row
from typing import Any

from resilience.sandbox.api import Obj, Resource
from resilience.sandbox.apiserver.tables import core, custom, network, pods, workloads
from resilience.sandbox.store import encode

Column = tuple[str, str, int]
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Printer:
    """Column names, types and priorities, and the function that fills a row at a time `now`."""

    columns: Sequence[Column]
    row: Callable[[dict[str, Any], float], list[Any]]


_PRINTERS: dict[tuple[str, str], Printer] = {
    ("", "pods"): Printer(pods.COLUMNS, pods.row),
    ("", "namespaces"): Printer(core.NAMESPACE, core.namespace),
    ("", "nodes"): Printer(core.NODE, core.node),
    ("", "configmaps"): Printer(core.CONFIG_MAP, core.config_map),
    ("", "secrets"): Printer(core.SECRET, core.secret),
    ("", "events"): Printer(core.EVENT, core.event),
    ("", "persistentvolumes"): Printer(core.VOLUME, core.volume),
    ("", "persistentvolumeclaims"): Printer(core.CLAIM, core.claim),
    ("", "resourcequotas"): Printer(core.QUOTA, core.quota),
    ("", "limitranges"): Printer(core.CREATED, core.created),
    ("", "services"): Printer(network.SERVICE, network.service),
    ("", "endpoints"): Printer(network.ENDPOINTS, network.endpoints),
    ("", "replicationcontrollers"): Printer(workloads.REPLICA_SET, workloads.replica_set),
    ("apps", "deployments"): Printer(workloads.DEPLOYMENT, workloads.deployment),
    ("apps", "replicasets"): Printer(workloads.REPLICA_SET, workloads.replica_set),
    ("apps", "statefulsets"): Printer(workloads.STATEFUL_SET, workloads.stateful_set),
    ("apps", "daemonsets"): Printer(workloads.DAEMON_SET, workloads.daemon_set),
    ("apps", "controllerrevisions"): Printer(workloads.REVISION, workloads.revision),
    ("batch", "jobs"): Printer(workloads.JOB, workloads.job),
    ("batch", "cronjobs"): Printer(workloads.CRON_JOB, workloads.cron_job),
    ("policy", "poddisruptionbudgets"): Printer(workloads.BUDGET, workloads.budget),
    ("autoscaling", "horizontalpodautoscalers"): Printer(
        workloads.AUTOSCALER, workloads.autoscaler
    ),
    ("discovery.k8s.io", "endpointslices"): Printer(network.SLICE, network.endpoint_slice),
    ("networking.k8s.io", "ingresses"): Printer(network.INGRESS, network.ingress),
    ("networking.k8s.io", "networkpolicies"): Printer(network.POLICY, network.policy),
    ("coordination.k8s.io", "leases"): Printer(core.LEASE, core.lease),
    ("storage.k8s.io", "storageclasses"): Printer(core.STORAGE_CLASS, core.storage_class),
    ("scheduling.k8s.io", "priorityclasses"): Printer(core.PRIORITY_CLASS, core.priority_class),
    (_RBAC, "roles"): Printer(core.CREATED, core.created),
    (_RBAC, "clusterroles"): Printer(core.CREATED, core.created),
    (_RBAC, "rolebindings"): Printer(core.BINDING, core.binding),
    (_RBAC, "clusterrolebindings"): Printer(core.BINDING, core.binding),
    ("apiextensions.k8s.io", "customresourcedefinitions"): Printer(core.CREATED, core.created),
}
_PLAIN = Printer(core.PLAIN, core.plain)


def printer(resource: Resource, version: Mapping[str, Any] | None = None) -> Printer:
    """The kind's own printer, else NAME and AGE; `version` is a custom resource's definition."""
    if version is not None:
        return Printer(custom.columns(version), partial_row(custom.row, version))
    return _PRINTERS.get((resource.group, resource.plural), _PLAIN)


def definitions(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """`columnDefinitions`; the name column says so by its format."""
    return [
        {
            "name": name,
            "type": kind,
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": priority,
        }
        for at, (name, kind, priority) in enumerate(columns)
    ]


def partial(obj: Obj) -> dict[str, Any]:
    """PartialObjectMetadata of an object."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }


def row_bytes(
    printer_: Printer, obj: Obj, include: str, now: float, body: bytes | None = None
) -> bytes:
    """One row; `include` as in a request's includeObject, `body` the object's JSON where known."""
    cells = encode(printer_.row(obj, now))
    if include == "Object":
        inside = encode(obj) if body is None else body
    elif include != "None":
        inside = encode(partial(obj))
    else:
        inside = b"null"
    return b'{"cells":' + cells + b',"object":' + inside + b"}"


def head(metadata: dict[str, Any], columns: Sequence[Column] | None) -> bytes:
    """A Table's JSON up to the opening of `rows`."""
    table: dict[str, Any] = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    table["columnDefinitions"] = definitions(columns) if columns is not None else None
    return json.dumps(table, separators=(",", ":"))[:-1].encode() + b',"rows":['
