"""Defaults of a Pod and of a Pod template, as the real API server writes them into the object.

Source: pkg/apis/core/v1/defaults.go and zz_generated.defaults.go. In place, on objects that the
request owns; each function ignores values that are not mappings, since validation reports those
better.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Spec = dict[str, Any]

_MODE = 420  # 0644
_SOURCES_WITH_MODE = ("secret", "configMap", "downwardAPI", "projected")


def mappings(value: Any) -> Iterator[Spec]:
    """The mappings of a list; nothing for anything else."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def default(target: Spec, **values: Any) -> None:
    """Set a value that is absent or null."""
    for key, value in values.items():
        if target.get(key) is None:
            target[key] = value


def pod(obj: Spec) -> None:
    """Sets the defaults of a Pod: those of Pod templates, and those that only Pods have."""
    spec = obj.setdefault("spec", {})
    if not isinstance(spec, dict):
        return
    pod_spec(spec)
    default(spec, enableServiceLinks=True)
    for container in _containers(spec):
        _requests_from_limits(container)


def template(owner: Spec) -> None:
    """The `template` of a workload's spec."""
    inner = owner.setdefault("template", {})
    if isinstance(inner, dict) and isinstance(inner.setdefault("spec", {}), dict):
        pod_spec(inner["spec"])


def pod_spec(spec: Spec) -> None:
    """Common to Pods and templates."""
    default(
        spec,
        dnsPolicy="ClusterFirst",
        restartPolicy="Always",
        securityContext={},
        terminationGracePeriodSeconds=30,
        schedulerName="default-scheduler",
    )
    if spec.get("serviceAccountName") and not spec.get("serviceAccount"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    elif spec.get("serviceAccount") and not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    for volume in mappings(spec.get("volumes")):
        _volume(volume)
    for container in _containers(spec):
        _container(container, host_network=spec.get("hostNetwork") is True)


def _containers(spec: Spec) -> Iterator[Spec]:
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from mappings(spec.get(field))


def _container(container: Spec, *, host_network: bool) -> None:
    default(
        container,
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        resources={},
    )
    image = container.get("image")
    if isinstance(image, str) and not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = pull_policy(image)
    for port in mappings(container.get("ports")):
        default(port, protocol="TCP")
        if host_network and not port.get("hostPort") and "containerPort" in port:
            port["hostPort"] = port["containerPort"]
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        _probe(container.get(name))
    lifecycle = container.get("lifecycle")
    if isinstance(lifecycle, dict):
        for hook in mappings([lifecycle.get("postStart"), lifecycle.get("preStop")]):
            _http(hook.get("httpGet"))
    for env in mappings(container.get("env")):
        source = env.get("valueFrom")
        if isinstance(source, dict):
            _field_ref(source.get("fieldRef"))


def pull_policy(image: str) -> str:
    """The pull policy: Always for an untagged image or `latest`, unless a digest pins it."""
    name, at, _ = image.partition("@")
    tag = name.rsplit("/", 1)[-1].partition(":")[2]
    return "Always" if not at and tag in ("", "latest") else "IfNotPresent"


def _probe(probe: Any) -> None:
    if not isinstance(probe, dict):
        return
    for field, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        if not probe.get(field):
            probe[field] = value
    _http(probe.get("httpGet"))
    grpc = probe.get("grpc")
    if isinstance(grpc, dict):
        default(grpc, service="")


def _http(action: Any) -> None:
    if isinstance(action, dict):
        for field, value in (("path", "/"), ("scheme", "HTTP")):
            if not action.get(field):
                action[field] = value


def _field_ref(reference: Any) -> None:
    if isinstance(reference, dict) and not reference.get("apiVersion"):
        reference["apiVersion"] = "v1"


def _volume(volume: Spec) -> None:
    if set(volume) <= {"name"}:
        volume["emptyDir"] = {}
    for source in _SOURCES_WITH_MODE:
        inner = volume.get(source)
        if isinstance(inner, dict):
            default(inner, defaultMode=_MODE)
    if isinstance(volume.get("hostPath"), dict):
        default(volume["hostPath"], type="")
    ephemeral = volume.get("ephemeral")
    if isinstance(ephemeral, dict):
        claim = ephemeral.get("volumeClaimTemplate")
        if isinstance(claim, dict) and isinstance(claim.get("spec"), dict):
            default(claim["spec"], volumeMode="Filesystem")
    _downward(volume.get("downwardAPI"))
    projected = volume.get("projected")
    for source_ in mappings(projected.get("sources") if isinstance(projected, dict) else None):
        _downward(source_.get("downwardAPI"))
        token = source_.get("serviceAccountToken")
        if isinstance(token, dict):
            default(token, expirationSeconds=3600)


def _downward(source: Any) -> None:
    if isinstance(source, dict):
        for item in mappings(source.get("items")):
            _field_ref(item.get("fieldRef"))


def _requests_from_limits(container: Spec) -> None:
    """A Pod's request is its limit if it sets none."""
    resources = container.get("resources")
    if not isinstance(resources, dict) or not isinstance(resources.get("limits"), dict):
        return
    requests = resources.setdefault("requests", {})
    if isinstance(requests, dict):
        for name, amount in resources["limits"].items():
            requests.setdefault(name, amount)
