"""Tables on the wire: the printer of a kind, column definitions, rows, one-row watch events.

Source: k8s.io/apiserver/pkg/endpoints/handlers/response.go (`asTable`) and meta.k8s.io/v1 Table.
Custom resources print the columns of their definition, or NAME and AGE.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial as partial_row
from typing import Any

from resilience.sandbox.apiserver.tables import (
    core_tables,
    custom_tables,
    network_tables,
    pod_tables,
    workload_tables,
)
from resilience.sandbox.kube.api import Obj, Resource
from resilience.sandbox.store.store import encode

Column = tuple[str, str, int]
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Printer:
    """Column names, types and priorities, and the function that fills a row at a time `now`."""

    columns: Sequence[Column]
    row: Callable[[dict[str, Any], float], list[Any]]


_PRINTERS: dict[tuple[str, str], Printer] = {
    ("", "pods"): Printer(pod_tables.COLUMNS, pod_tables.row),
    ("", "namespaces"): Printer(core_tables.NAMESPACE, core_tables.namespace),
    ("", "nodes"): Printer(core_tables.NODE, core_tables.node),
    ("", "configmaps"): Printer(core_tables.CONFIG_MAP, core_tables.config_map),
    ("", "secrets"): Printer(core_tables.SECRET, core_tables.secret),
    ("", "events"): Printer(core_tables.EVENT, core_tables.event),
    ("", "persistentvolumes"): Printer(core_tables.VOLUME, core_tables.volume),
    ("", "persistentvolumeclaims"): Printer(core_tables.CLAIM, core_tables.claim),
    ("", "resourcequotas"): Printer(core_tables.QUOTA, core_tables.quota),
    ("", "limitranges"): Printer(core_tables.CREATED, core_tables.created),
    ("", "services"): Printer(network_tables.SERVICE, network_tables.service),
    ("", "endpoints"): Printer(network_tables.ENDPOINTS, network_tables.endpoints),
    ("", "replicationcontrollers"): Printer(
        workload_tables.REPLICA_SET, workload_tables.replica_set
    ),
    ("apps", "deployments"): Printer(workload_tables.DEPLOYMENT, workload_tables.deployment),
    ("apps", "replicasets"): Printer(workload_tables.REPLICA_SET, workload_tables.replica_set),
    ("apps", "statefulsets"): Printer(workload_tables.STATEFUL_SET, workload_tables.stateful_set),
    ("apps", "daemonsets"): Printer(workload_tables.DAEMON_SET, workload_tables.daemon_set),
    ("apps", "controllerrevisions"): Printer(workload_tables.REVISION, workload_tables.revision),
    ("batch", "jobs"): Printer(workload_tables.JOB, workload_tables.job),
    ("batch", "cronjobs"): Printer(workload_tables.CRON_JOB, workload_tables.cron_job),
    ("policy", "poddisruptionbudgets"): Printer(workload_tables.BUDGET, workload_tables.budget),
    ("autoscaling", "horizontalpodautoscalers"): Printer(
        workload_tables.AUTOSCALER, workload_tables.autoscaler
    ),
    ("discovery.k8s.io", "endpointslices"): Printer(
        network_tables.SLICE, network_tables.endpoint_slice
    ),
    ("networking.k8s.io", "ingresses"): Printer(network_tables.INGRESS, network_tables.ingress),
    ("networking.k8s.io", "servicecidrs"): Printer(
        network_tables.SERVICE_RANGE, network_tables.service_range
    ),
    ("networking.k8s.io", "networkpolicies"): Printer(network_tables.POLICY, network_tables.policy),
    ("certificates.k8s.io", "certificatesigningrequests"): Printer(
        core_tables.CERTIFICATE_REQUEST, core_tables.certificate_request
    ),
    ("coordination.k8s.io", "leases"): Printer(core_tables.LEASE, core_tables.lease),
    ("storage.k8s.io", "storageclasses"): Printer(
        core_tables.STORAGE_CLASS, core_tables.storage_class
    ),
    ("scheduling.k8s.io", "priorityclasses"): Printer(
        core_tables.PRIORITY_CLASS, core_tables.priority_class
    ),
    (_RBAC, "roles"): Printer(core_tables.CREATED, core_tables.created),
    (_RBAC, "clusterroles"): Printer(core_tables.CREATED, core_tables.created),
    (_RBAC, "rolebindings"): Printer(core_tables.BINDING, core_tables.binding),
    (_RBAC, "clusterrolebindings"): Printer(core_tables.BINDING, core_tables.binding),
    ("apiextensions.k8s.io", "customresourcedefinitions"): Printer(
        core_tables.CREATED, core_tables.created
    ),
}
_PLAIN = Printer(core_tables.PLAIN, core_tables.plain)


def printer(resource: Resource, version: Mapping[str, Any] | None = None) -> Printer:
    """The kind's own printer, else NAME and AGE; `version` is a custom resource's definition."""
    if version is not None:
        return Printer(custom_tables.columns(version), partial_row(custom_tables.row, version))
    return _PRINTERS.get((resource.group, resource.plural), _PLAIN)


def definitions(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """`columnDefinitions`; the name column is marked by its format."""
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
    """One row; `include` as in a request's includeObject, `body` the object's JSON if known."""
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
