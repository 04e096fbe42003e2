"""Velero's restore hooks, which Pods define by annotations: reported, because they are not run
here.

`post.hook.restore.velero.io/command` runs in a container of the restored Pod,
`init.hook.restore.velero.io/container-image` adds an init container to it (Velero's
internal/hook/item_hook_handler.go). Both need the Pod itself to be restored, while here controllers
recreate their Pods. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from resilience.backup.objects.kind_identity import identity
from resilience.cluster.interface import Object
from resilience.model.masks import excerpt

_HOOKS = {
    "post.hook.restore.velero.io/command": "command",
    "init.hook.restore.velero.io/container-image": "init container",
}


def restore_hooks(obj: Object) -> Iterator[str]:
    """A line for each hook that a Pod defines."""
    if identity(obj) != "Pod":
        return
    metadata = obj["metadata"]
    annotations = metadata.get("annotations") or {}
    for annotation, what in _HOOKS.items():
        if value := annotations.get(annotation):
            where = f"Pod {metadata.get('namespace', '')}/{metadata['name']}"
            yield f"{where}: restore hook ({what}) not run: {excerpt(value, 200)}"
