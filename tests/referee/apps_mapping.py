"""The stand-ins of an application set: which of its images need one, and which ports it serves."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from resilience.sandbox.images import catalogue


def mapping(objects: Sequence[dict[str, Any]], also: Sequence[str], program: Path) -> str:
    """TOML for the sandbox: each image that it lacks, served on the ports that are asked."""
    ports: defaultdict[str, set[int]] = defaultdict(set)
    serving: set[str] = set()
    jobs: defaultdict[str, set[str]] = defaultdict(set)
    have: dict[str, str] = {}
    for container, ends, job in _containers(objects):
        image = container["image"]
        if (known := catalogue.find(image)) is not None:
            have[image] = known.name
            continue
        ports[image] |= _ports(container)
        jobs[image] |= {job} - {""}
        if not ends:
            serving.add(image)
    commands = ", ".join(f'{json.dumps(name)} = ["true"]' for name in also)
    lines = ["[sandbox.images]"]
    for image, numbers in sorted(ports.items()):
        words = ["-c", "pass"]
        if image in serving:
            ended = [f"--ends={name}" for name in sorted(jobs[image])]
            words = [str(program), *map(str, sorted(numbers)), *ended]
        lines.append(
            f"{json.dumps(image)} = {{python = {json.dumps(words)}, ignore_command = true,"
            f" commands = {{{commands}}}}}"
        )
    for image, name in sorted(have.items()) if also else ():
        lines.append(f"{json.dumps(image)} = {{image = {name!r}, commands = {{{commands}}}}}")
    return "\n".join(lines) + "\n"


def _containers(objects: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], bool, str]]:
    """(container, whether it ends, its Job or CronJob)."""
    for obj in objects:
        spec = obj.get("spec") or {}
        job = str(obj["metadata"]["name"]) if obj.get("kind") in ("Job", "CronJob") else ""
        spec = (spec.get("jobTemplate") or {}).get("spec") or spec
        if obj.get("kind") != "Pod":
            spec = (spec.get("template") or {}).get("spec") or {}
        yield from ((each, True, "") for each in spec.get("initContainers") or ())
        yield from ((each, bool(job), job) for each in spec.get("containers") or ())


def _ports(container: dict[str, Any]) -> set[int]:
    named = {each.get("name"): each["containerPort"] for each in container.get("ports") or ()}
    found = set(named.values())
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        for kind in ("httpGet", "tcpSocket", "grpc"):
            port = ((container.get(probe) or {}).get(kind) or {}).get("port")
            found |= {named.get(port, port)} if port is not None else set()
    return {int(port) for port in found}


def claims_without_class(objects: Sequence[dict[str, Any]], there: str) -> list[str]:
    """StorageClasses that claims name, and neither the set nor the cluster has."""
    have = {line.rpartition("/")[2] for line in there.splitlines()}
    have |= {obj["metadata"]["name"] for obj in objects if obj.get("kind") == "StorageClass"}
    claims = [obj for obj in objects if obj.get("kind") == "PersistentVolumeClaim"]
    for obj in objects:
        claims += (obj.get("spec") or {}).get("volumeClaimTemplates") or ()
    wanted = {str((claim.get("spec") or {}).get("storageClassName") or "") for claim in claims}
    return sorted(wanted - have - {""})
