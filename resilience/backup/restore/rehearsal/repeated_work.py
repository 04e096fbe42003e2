"""Work that a restore begins again: that of a Job which was at it when the snapshot was taken.

Its counts are in its status, which only its controller writes. Pure.
"""

from __future__ import annotations

from resilience.backup.objects.kind_identity import identity
from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.model.words import many


def repeated(obj: Object) -> str:
    """A line about a recorded Job that had started and had not ended; "" for anything else."""
    spec, status = objects.mapping(obj.get("spec")), objects.mapping(obj.get("status"))
    begun = any(status.get(field) for field in ("active", "succeeded", "failed"))
    if identity(obj) != "Job.batch" or spec.get("suspend") or not begun:
        return ""
    done = status.get("succeeded") or 0
    return (
        f"Job {objects.title(obj)} was at work when the snapshot was taken ({many(done, 'Pod')} "
        "had succeeded): it begins again from the start"
    )
