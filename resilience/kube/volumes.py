"""What the metadata of a PersistentVolume says. Pure."""

from __future__ import annotations

from resilience.kube import objects
from resilience.kube.objects import Object


def was_provisioned(volume: Object) -> bool:
    """Whether a provisioner made it for a claim (pkg/controller/volume/persistentvolume)."""
    annotations = objects.metadata(volume).get("annotations") or {}
    return "pv.kubernetes.io/provisioned-by" in annotations
