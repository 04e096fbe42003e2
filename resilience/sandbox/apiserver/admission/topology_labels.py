"""A Pod carries the region and zone of its node as labels, from when it is bound to it.

Sources: plugin/pkg/admission/podtopologylabels (on by default since 1.35), and BindingREST in
pkg/registry/core/pod/storage, which writes a Binding's labels over the Pod's own.
"""

from __future__ import annotations

from resilience.sandbox.apiserver.validation.admission_request import Request, View
from resilience.sandbox.kube.api import Obj

_KEYS = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")


def admit(request: Request) -> None:
    """A Pod that is created on a node."""
    spec = request.obj.get("spec")
    if isinstance(spec, dict) and spec.get("nodeName"):
        put(request.obj, request.view, str(spec["nodeName"]))


def put(pod: Obj, view: View, node: str) -> None:
    """The labels of that node; none of a node that does not exist."""
    found = view.find(view.resource("nodes"), "", node)
    labels = (found or {"metadata": {}})["metadata"].get("labels") or {}
    if taken := {key: labels[key] for key in _KEYS if key in labels}:
        pod["metadata"]["labels"] = {**(pod["metadata"].get("labels") or {}), **taken}
