"""A warning to the client for each image that the sandbox does not have.

A real API server knows nothing about images. Here the first write already shows that a Pod can
never start, so `kubectl apply` says so at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.apiserver.validation.pod_specs import spec_in
from resilience.sandbox.host.own_image import OwnImage
from resilience.sandbox.images import stand_ins

CONTAINERS = ("initContainers", "containers")


def warn(request: Request, own: Sequence[OwnImage]) -> None:
    """For clients' writes only: controllers create objects from templates that were checked."""
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
