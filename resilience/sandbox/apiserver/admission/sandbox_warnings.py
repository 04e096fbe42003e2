"""Warnings to a client about what the sandbox lacks and a cluster has.

A real API server knows nothing about images. Here the first write already shows that a Pod can
never start, so `kubectl apply` says so at once. Conditions of webhooks need a library.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.apiserver.validation.pod_specs import spec_in
from resilience.sandbox.apiserver.webhooks.hook_conditions import MISSING
from resilience.sandbox.host.own_image import OwnImage
from resilience.sandbox.images import stand_ins
from resilience.sandbox.schema import cel

CONTAINERS = ("initContainers", "containers")


def of_images(request: Request, own: Sequence[OwnImage]) -> None:
    """Each image that is not there, in clients' writes only: controllers create objects from
    templates that were checked."""
    spec = spec_in(request) if request.call.validation else None
    if spec is None:
        return
    images = [
        container["image"]
        for field in CONTAINERS
        for container in spec.get(field) or ()
        if isinstance(container, dict) and isinstance(container.get("image"), str)
    ]
    for name in stand_ins.unknown(images, own):
        request.call.warnings.append(f"the sandbox has no image {name}: {stand_ins.REMEDY}")


def of_conditions(request: Request) -> None:
    """A webhook with conditions that cannot be evaluated."""
    has_any = any(hook.get("matchConditions") for hook in request.obj.get("webhooks") or ())
    if has_any and not cel.is_installed():
        request.call.warnings.append(MISSING)
