"""Volumes of a Pod as directories: emptyDir, configMap, secret, projected, downwardAPI, claims.

Data volumes are written as the kubelet's atomic writer does: a new directory, then one rename of
the link `..data`, so that a reader never sees half of an update; all but ConfigMaps lie in memory.
A hostPath is a directory of its (simulated) node, never one of the host.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from resilience.sandbox.host import memory_home
from resilience.sandbox.inside.launch import Mount
from resilience.sandbox.inside.volume_paths import refusal
from resilience.sandbox.kube.api import ApiError, EventType, Obj
from resilience.sandbox.kubelet.setup import downward_api, own_files
from resilience.sandbox.kubelet.setup.pod_tokens import PodTokens
from resilience.sandbox.kubelet.setup.references import References, data_of

DATA = ("configMap", "secret", "projected", "downwardAPI")
DEFAULT_MODE = 0o644
Files = dict[str, tuple[bytes, int]]


class MountError(Exception):
    """The volume does not exist yet; the Pod stays ContainerCreating and it is tried again."""


class Volumes:
    """The volumes of one Pod. `root` is the sandbox's directory."""

    def __init__(
        self,
        pod: Obj,
        root: Path,
        references: References,
        address: str,
        allocatable: Mapping[str, str] | None = None,
    ) -> None:
        self._pod = pod
        self._root = root
        self._references = references
        self._tokens = PodTokens(references)
        self._address = address
        self._allocatable = dict(allocatable or {})
        self._directory = root / "pods" / pod["metadata"]["uid"] / "volumes"
        self._memory = (root / memory_home.NAME).resolve() / pod["metadata"]["uid"]
        self._sources: dict[str, Path] = {}

    async def set_up(self) -> None:
        """Create every volume; MountError for the first that cannot be created now."""
        for volume in self._pod["spec"].get("volumes") or []:
            self._sources[volume["name"]] = await self._make(volume)

    @property
    def has_data(self) -> bool:
        """Whether any volume follows changes of other objects."""
        return any(k in v for v in self._pod["spec"].get("volumes") or [] for k in DATA)

    async def refresh(self, pod: Obj) -> None:
        """Update data volumes."""
        self._pod = pod
        for volume in pod["spec"].get("volumes") or []:
            if any(kind in volume for kind in DATA):
                await self._make(volume)

    async def _make(self, volume: Obj) -> Path:
        name: str = volume["name"]
        place: Path = self._directory / name
        if any(kind in volume for kind in DATA):
            place = (self._directory if "configMap" in volume else self._memory) / name
            _write(place, await self._files(volume))
        elif "persistentVolumeClaim" in volume:
            return await self._claim(volume["persistentVolumeClaim"]["claimName"], name)
        elif "ephemeral" in volume:
            return await self._claim(f"{self._pod['metadata']['name']}-{name}", name, own=True)
        elif "hostPath" in volume:
            place = self._of_node(volume["hostPath"], name)
        elif "emptyDir" in volume or len(volume) == 1:
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(0o777)  # Writable for any user that a container runs as.
        else:
            kind = next(key for key in volume if key != "name")
            raise MountError(
                f'MountVolume.SetUp failed for volume "{name}" : the sandbox has no {kind} volumes'
            )
        return place

    def _of_node(self, source: Obj, volume: str) -> Path:
        node: Path = self._root / "nodes" / self._pod["spec"]["nodeName"]
        hosts = node / "etc" / "hosts"
        if not hosts.exists():
            hosts.parent.mkdir(parents=True, exist_ok=True)
            hosts.write_text(own_files.NODE_HOSTS)
        place: Path = node / source["path"].lstrip("/")
        kind = source.get("type") or ""
        if kind == "FileOrCreate":
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        elif kind == "File" and not place.is_file():
            raise MountError(
                f'MountVolume.SetUp failed for volume "{volume}" : hostPath type check failed:'
                f" {source['path']} is not a file"
            )
        elif not place.is_file():
            place.mkdir(parents=True, exist_ok=True)
        return place

    async def _claim(self, claim: str, volume: str, *, own: bool = False) -> Path:
        """The directory of a claim; `own` if it must have been created for this very Pod."""
        namespace = self._pod["metadata"]["namespace"]
        found = await self._references.find("persistentvolumeclaims", namespace, claim)
        if found is None:
            raise MountError(f'persistentvolumeclaim "{claim}" not found')
        uid = self._pod["metadata"]["uid"]
        owners = found["metadata"].get("ownerReferences") or ()
        if own and not any(owner["uid"] == uid for owner in owners):
            raise MountError(
                f"PVC {namespace}/{claim} was not created for pod"
                f" {namespace}/{self._pod['metadata']['name']} (pod is not owner)"
            )
        if found.get("status", {}).get("phase") != "Bound":
            raise MountError(
                f"Unable to attach or mount volumes: unmounted volumes=[{volume}]: "
                f'persistentvolumeclaim "{claim}" is not bound'
            )
        place: Path = self._root / "volumes" / found["spec"]["volumeName"]
        place.mkdir(parents=True, exist_ok=True)
        return place

    async def _files(self, volume: Obj) -> Files:
        name = volume["name"]
        if "projected" in volume:
            source = volume["projected"]
            found: Files = {}
            mode = source.get("defaultMode", DEFAULT_MODE)
            for part in source.get("sources") or []:
                found.update(await self._part(part, mode, name))
            return found
        kind = next(kind for kind in DATA if kind in volume)
        source = dict(volume[kind] or {})
        if kind == "secret":
            source["name"] = source.get("secretName")
        return await self._part({kind: source}, source.get("defaultMode", DEFAULT_MODE), name)

    async def _part(self, part: Obj, mode: int, volume: str) -> Files:
        if "downwardAPI" in part:
            return self._downward(part["downwardAPI"], mode)
        for kind, plural in (("configMap", "configmaps"), ("secret", "secrets")):
            if kind in part:
                return await self._object(plural, part[kind], mode, volume)
        if "serviceAccountToken" in part:
            source = part["serviceAccountToken"]
            try:
                token = await self._tokens.get(self._pod, source)
            except ApiError as error:
                raise MountError(
                    f'MountVolume.SetUp failed for volume "{volume}" : failed to fetch token:'
                    f" {error.message}"
                ) from error
            return {source["path"]: (token.encode(), mode)}
        kind = next(iter(part))
        raise MountError(
            f'MountVolume.SetUp failed for volume "{volume}" : the sandbox does not project {kind}'
        )

    async def _object(self, plural: str, source: Obj, mode: int, volume: str) -> Files:
        namespace = self._pod["metadata"]["namespace"]
        found = await self._references.find(plural, namespace, source["name"])
        if found is None:
            if source.get("optional"):
                return {}
            kind = plural.removesuffix("s")
            raise MountError(
                f'MountVolume.SetUp failed for volume "{volume}" : {kind} "{source["name"]}"'
                " not found"
            )
        data = data_of(found)
        if not source.get("items"):
            return {key: (value, mode) for key, value in data.items()}
        files: Files = {}
        for item in source["items"]:
            if item["key"] in data:
                files[item["path"]] = (data[item["key"]], item.get("mode", mode))
            elif not source.get("optional"):
                raise MountError(
                    f'MountVolume.SetUp failed for volume "{volume}" : references non-existent'
                    f" config key: {item['key']}"
                )
        return files

    def _downward(self, source: Obj, mode: int) -> Files:
        host = self._pod.get("status", {}).get("hostIP", "")
        files: Files = {}
        for item in source.get("items") or []:
            if "fieldRef" in item:
                text = downward_api.field(
                    self._pod, item["fieldRef"]["fieldPath"], self._address, host
                )
            else:
                reference = item["resourceFieldRef"]
                wanted = reference.get("containerName")
                every = self._pod["spec"]["containers"]
                container = next((c for c in every if c["name"] == wanted), every[0])
                text = downward_api.resource(container, reference, self._allocatable)
            files[item["path"]] = (text.encode(), item.get("mode", mode))
        return files

    def mounts(self, container: Obj, environment: dict[str, str]) -> tuple[Mount, ...]:
        """The mounts of one container; MountError if one cannot be mounted."""
        from resilience.sandbox.kubelet.setup.environment import expand

        found = []
        for mount in container.get("volumeMounts") or []:
            why_not = refusal(mount["mountPath"])
            if why_not is not None:
                raise MountError(why_not)
            source = self._sources[mount["name"]]
            below = mount.get("subPath") or expand(mount.get("subPathExpr") or "", environment)
            if below:
                source = _below(source, below)
            path = os.path.normpath(mount["mountPath"])
            read_only = bool(mount.get("readOnly"))
            found.append(Mount(path=path, source=str(source), read_only=read_only))
        return tuple(found)

    def remove(self) -> None:
        """Remove the Pod's own volumes; claims and node directories stay."""
        shutil.rmtree(self._memory, ignore_errors=True)
        shutil.rmtree(self._directory.parent, ignore_errors=True)


def reclaim(root: Path, kind: EventType, volume: Obj) -> None:
    """A PersistentVolume changed: once it is deleted, its data is deleted if its policy says so."""
    deletes = volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
    if kind == "DELETED" and deletes:
        shutil.rmtree(root / "volumes" / volume["metadata"]["name"], ignore_errors=True)


def _below(source: Path, below: str) -> Path:
    if ".." in Path(below).parts or below.startswith("/"):
        raise MountError(f"subPath {below!r} must stay within its volume")
    place = source / below
    if not place.exists():
        place.mkdir(parents=True)
    return place


def _write(place: Path, files: Files) -> None:
    """Publish `files` under `place` in one step."""
    place.mkdir(parents=True, exist_ok=True)
    current = place / "..data"
    if current.is_symlink() and _holds(current, files):
        return
    number = 1 + max((int(old.name[3:]) for old in place.glob("..v*")), default=0)
    fresh = place / f"..v{number}"
    for name, (data, mode) in files.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(mode)
    fresh.mkdir(exist_ok=True)
    link = place / "..data_tmp"
    link.symlink_to(fresh.name)
    link.replace(current)
    wanted = {Path(name).parts[0] for name in files}
    for top in wanted:
        if not (place / top).is_symlink():
            (place / top).symlink_to(f"..data/{top}")
    for old in place.iterdir():
        if not old.name.startswith("..") and old.name not in wanted:
            old.unlink()
        elif old.name.startswith("..v") and old != fresh:
            shutil.rmtree(old)


def _holds(current: Path, files: Files) -> bool:
    """Whether exactly these files are published already."""
    there = {str(path.relative_to(current)) for path in current.rglob("*") if path.is_file()}
    return there == set(files) and all(
        (current / name).read_bytes() == data for name, (data, _) in files.items()
    )
