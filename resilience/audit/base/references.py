"""Which objects of its namespace a workload names, and which any workload names (PodSpec)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.makers import account_of
from resilience.audit.base.workloads import Workload, listed, mapping
from resilience.kube import objects

Named = tuple[str, str]
"""Kind and name."""


def wanted(workload: Workload) -> Iterator[Named]:
    """The objects that have to exist before one of its Pods starts."""
    yield from ((kind, name) for kind, name, optional in _all(workload) if not optional)


def used(inventory: Inventory, kind: str) -> frozenset[tuple[str, str]]:
    """(namespace, name) of the objects of this kind that anything names."""
    found = {
        (each.namespace, name)
        for each in inventory.workloads
        for found, name, _ in _all(each)
        if found == kind
    }
    for each in inventory.of("Pod"):
        for volume in listed(mapping(each, "spec"), "volumes"):
            found |= {
                (objects.namespace(each), name) for k, name, _ in _volume(volume) if k == kind
            }
    if kind == "PersistentVolumeClaim":
        found |= set(_of_sets(inventory))
    if kind == "Secret":
        found |= set(_of_others(inventory))
    return frozenset(found)


def _all(workload: Workload) -> Iterator[tuple[str, str, bool]]:
    spec = workload.spec
    _, account = account_of(workload)
    if account != "default":
        yield "ServiceAccount", account, False
    for secret in listed(spec, "imagePullSecrets"):
        yield "Secret", str(secret.get("name")), True
    for volume in workload.volumes:
        yield from _volume(volume)
    for container in (*workload.every_container, *listed(spec, "ephemeralContainers")):
        yield from _environment(container)


def _volume(volume: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    claim = mapping(volume, "persistentVolumeClaim").get("claimName")
    if claim:
        yield "PersistentVolumeClaim", str(claim), False
    secret = mapping(volume, "secret")
    if secret.get("secretName"):
        yield "Secret", str(secret["secretName"]), secret.get("optional") is True
    for source in volume.values():  # csi, rbd, cephfs, flexVolume, azureFile and their like
        for key in ("secretRef", "nodePublishSecretRef"):
            if name := mapping(source, key).get("name"):
                yield "Secret", str(name), False
        if isinstance(source, dict) and "shareName" in source and source.get("secretName"):
            yield "Secret", str(source["secretName"]), False
    for source in (volume, *listed(mapping(volume, "projected"), "sources")):
        for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            named = mapping(source, key)
            if named.get("name"):
                yield kind, str(named["name"]), named.get("optional") is True


def _environment(container: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    keys = (("configMap{}Ref", "ConfigMap"), ("secret{}Ref", "Secret"))
    for key, kind in keys:
        for source in listed(container, "envFrom"):
            named = mapping(source, key.format(""))
            if named.get("name"):
                yield kind, str(named["name"]), named.get("optional") is True
        for variable in listed(container, "env"):
            named = mapping(variable, "valueFrom", key.format("Key"))
            if named.get("name"):
                yield kind, str(named["name"]), named.get("optional") is True


def _of_sets(inventory: Inventory) -> Iterator[tuple[str, str]]:
    """Claims that StatefulSets made: TEMPLATE-SET-ORDINAL (pkg/controller/statefulset)."""
    for each in inventory.workloads:
        if each.kind != "StatefulSet":
            continue
        for template in listed(mapping(each.object, "spec"), "volumeClaimTemplates"):
            name = mapping(template, "metadata").get("name")
            form = re.compile(re.escape(f"{name}-{each.name}-") + r"\d+")
            for claim in inventory.of("PersistentVolumeClaim"):
                if objects.namespace(claim) == each.namespace and form.fullmatch(
                    objects.name(claim)
                ):
                    yield each.namespace, objects.name(claim)


def _of_others(inventory: Inventory) -> Iterator[tuple[str, str]]:
    for account in inventory.of("ServiceAccount"):
        for key in ("secrets", "imagePullSecrets"):
            for secret in listed(account, key):
                yield objects.namespace(account), str(secret.get("name"))
    for ingress in inventory.of("Ingress"):
        for tls in listed(mapping(ingress, "spec"), "tls"):
            yield objects.namespace(ingress), str(tls.get("secretName"))
