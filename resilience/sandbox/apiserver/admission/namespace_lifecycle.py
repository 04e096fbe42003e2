"""Namespace lifecycle: no content in a missing or terminating namespace, some are never deleted.

Source: k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go, and the namespace
strategy for `spec.finalizers`.
"""

from __future__ import annotations

from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})


def check_create(request: Request) -> None:
    """404 for a namespace that does not exist, 403 for a terminating one."""
    if request.key == ("", "namespaces"):
        spec = request.obj.setdefault("spec", {})
        if isinstance(spec, dict) and "kubernetes" not in (spec.get("finalizers") or ()):
            spec["finalizers"] = [*(spec.get("finalizers") or ()), "kubernetes"]
        return
    if not request.resource.namespaced or not request.kind.stored:
        return
    namespaces = request.view.resource("namespaces")
    found = request.view.find(namespaces, "", request.namespace)
    if found is None:
        raise refusals.not_found(namespaces, request.namespace)
    if "deletionTimestamp" in found["metadata"]:
        raise terminating(request)


def terminating(request: Request) -> ApiError:
    """The 403 with its cause, as clients test for it."""
    name = request.namespace
    return refusals.forbidden(
        request.resource,
        request.name,
        f"unable to create new content in namespace {name} because it is being terminated",
        [
            refusals.Cause(
                "NamespaceTerminating",
                "metadata.namespace",
                f"namespace {name} is being terminated",
            )
        ],
    )


def check_delete(request: Request) -> None:
    """Three namespaces cannot be deleted."""
    if request.key == ("", "namespaces") and request.name in IMMORTAL:
        raise refusals.forbidden(
            request.resource, request.name, "this namespace may not be deleted"
        )
