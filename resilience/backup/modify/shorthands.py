"""Changes with their own options: another registry, another number of replicas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from resilience.backup.format.errors import BadRequest
from resilience.backup.modify.pod_specs import pod_specs
from resilience.backup.objects.kind_identity import identity
from resilience.cluster.interface import Object
from resilience.model.without_effect import RESTORED, without_effect

_REPLICATED = frozenset(
    {"Deployment.apps", "StatefulSet.apps", "ReplicaSet.apps", "ReplicationController"}
)
_PLACE = re.compile(r"[a-z0-9][a-z0-9._:/-]*[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Registry:
    """`old` and `new` are a registry, or a registry and the beginning of a path. `seen` collects
    the registries of all images."""

    old: str
    new: str
    seen: set[str] = field(default_factory=set, compare=False)

    @classmethod
    def parse(cls, text: str) -> Registry:
        """OLD=NEW."""
        old, _, new = text.partition("=")
        if not (_PLACE.fullmatch(old) and _PLACE.fullmatch(new)):
            raise BadRequest(
                f"--set-image-registry {text}: expected OLD=NEW, as in "
                "docker.io=mirror.example.com or ghcr.io/acme=registry.example.com/acme"
            )
        return cls(old, new)

    @property
    def name(self) -> str:
        """The option as the user types it."""
        return f"image registry {self.old}={self.new}"

    def idle(self) -> str:
        """What to say of it when it changed nothing."""
        value = f"{self.old}={self.new}"
        return without_effect("--set-image-registry", value, self.seen, "registries", self.old,
                              RESTORED)  # fmt: skip

    def change(self, kind: str, obj: Object) -> Iterator[str]:
        """Change the object in place; yields the pointers."""
        for pointer, spec in pod_specs(obj):
            for group in ("initContainers", "containers", "ephemeralContainers"):
                for number, container in enumerate(spec.get(group) or ()):
                    if isinstance(container, dict) and (image := self._moved(container)):
                        container["image"] = image
                        yield f"{pointer}/{group}/{number}/image"

    def _moved(self, container: Object) -> str:
        image = container.get("image")
        full = completed(image) if isinstance(image, str) else ""
        self.seen.add(full.partition("/")[0])
        if full == self.old or full.startswith((f"{self.old}/", f"{self.old}:", f"{self.old}@")):
            return self.new + full[len(self.old) :]
        return ""


def completed(image: str) -> str:
    """An image with its registry, as a runtime completes it: `nginx` is
    `docker.io/library/nginx` (distribution/reference, ParseNormalizedNamed)."""
    first, slash, rest = image.partition("/")
    if not slash:
        return f"docker.io/library/{image}"
    if not ("." in first or ":" in first or first == "localhost"):
        return f"docker.io/{image}"
    return f"docker.io/{rest}" if first == "index.docker.io" else image


@dataclass(frozen=True, slots=True)
class Replicas:
    """Sets the replicas of every kind that Kubernetes itself replicates."""

    count: int

    @property
    def name(self) -> str:
        """The option as the user types it."""
        return f"replicas {self.count}"

    def idle(self) -> str:
        """What to say of it when it changed nothing."""
        return f"--replicas {self.count} changed nothing: no workload of the snapshot had another"

    def change(self, kind: str, obj: Object) -> Iterator[str]:
        """Change the object in place; yields the pointer."""
        spec = obj.get("spec")
        if identity(obj) not in _REPLICATED or not isinstance(spec, dict):
            return
        if spec.get("replicas", 1) != self.count:
            spec["replicas"] = self.count
            yield "/spec/replicas"
