"""`resilience doctor` for manifests: a sandbox checks whether it would accept them.

Every object of every `apply` is sent as a dry run with strict validation, as `kubectl apply` sends
it, to the sandbox that the doctor has started; nothing reaches another cluster. Kinds of
CustomResourceDefinitions cannot be checked there, and are counted. Without a sandbox, the files are
only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from resilience.actions.objects.apply import Apply
from resilience.actions.shared.manifest_errors import refusal, twice
from resilience.actions.shared.manifests import Manifest, read
from resilience.cluster.errors import ApiError, Conflict
from resilience.cluster.interface import NAMESPACES, Cluster, Resource
from resilience.cluster.requests.request import Request
from resilience.engine.guard.permissions import every_step
from resilience.kube import objects
from resilience.model.scenario import Scenario
from resilience.model.words import many

Line = tuple[bool | None, str, str]

BUILT_IN = ("", "apps", "batch", "policy", "autoscaling", "extensions")
"""Groups without a dot that Kubernetes serves, or once did; others of its own end in k8s.io."""


def manifests(sandbox: Cluster | None, scenarios: Sequence[Scenario]) -> Iterator[Line]:
    """One line for each object that would be refused, or a single line if none would."""
    found = [manifest for file in _files(scenarios) for manifest in read(file)]
    yield from _asked_of(sandbox, found) if sandbox else _read_only(found)


def _read_only(found: Sequence[Manifest]) -> Iterator[Line]:
    """What is wrong in any cluster. A dry run asks the named one about the rest; it needs
    consent."""
    wrong = [said for manifest in found if (said := "; ".join(twice(manifest)))]
    yield from ((False, "manifests", said) for said in wrong)
    if found and not wrong:
        text = f"{many(len(found), 'object')} read; to ask the cluster: pytest --resilience-dry-run"
        yield None, "manifests", text


def _asked_of(cluster: Cluster, found: Sequence[Manifest]) -> Iterator[Line]:
    wrong, strange = 0, 0
    for manifest in found:
        resource, said = _kind(cluster, manifest)
        if resource is None and not said:
            strange += 1
            continue
        said = "; ".join(twice(manifest)) or said or _asked(cluster, resource, manifest)
        if said:
            wrong += 1
            yield False, "manifests", said
    if found and not wrong:
        text = f"the sandbox would accept {many(len(found) - strange, 'object')}"
        more = f"; {many(strange, 'object')} of kinds unknown to it not checked" if strange else ""
        yield True, "manifests", f"{text}{more}"


def _files(scenarios: Sequence[Scenario]) -> Sequence[Path]:
    return sorted(
        {
            Path(scenario.place.file).parent / step.parameters.file
            for scenario in scenarios
            for step in every_step(scenario)
            if isinstance(step.parameters, Apply)
        }
    )


def _kind(cluster: Cluster, manifest: Manifest) -> tuple[Resource | None, str]:
    """What serves it, or why nothing does; neither for kinds of CRDs."""
    version, kind = str(manifest.body["apiVersion"]), str(manifest.body["kind"])
    try:
        return cluster.resource(version, kind), ""
    except ApiError as error:
        group = version.rpartition("/")[0]
        ours = group in BUILT_IN or group.endswith(".k8s.io")
        return None, f"{manifest.place}: {error}" if ours else ""


def _asked(cluster: Cluster, resource: Resource | None, manifest: Manifest) -> str:
    assert resource is not None
    namespace = objects.namespace(manifest.body) or "default" if resource.namespaced else ""
    try:
        if namespace:
            _ensure(cluster, namespace)
        cluster.send(Request(
            "POST", resource.path(namespace), body=manifest.body,
            query={"dryRun": "All", "fieldValidation": "Strict"},
        ))  # fmt: skip
    except Conflict:
        return ""
    except ApiError as error:
        return refusal(manifest, error, cluster)
    return ""


def _ensure(cluster: Cluster, namespace: str) -> None:
    """The sandbox is the doctor's own: a namespace in it costs nothing."""
    try:
        cluster.create(NAMESPACES, {"metadata": {"name": namespace}})
    except Conflict:
        return
