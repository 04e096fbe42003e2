"""Environment variables that describe the Services of a container's namespace.

Source: pkg/kubelet/envvars. As on a real node they are those at the moment when the container
starts, headless Services have none, and `enableServiceLinks: false` leaves them out.
"""

from __future__ import annotations

from resilience.sandbox.kube.api import EventType, Obj


class ServiceLinks:
    """Follows Services; a reflector calls `seen`."""

    def __init__(self) -> None:
        self._services: dict[str, dict[str, Obj]] = {}

    def seen(self, kind: EventType, obj: Obj, old: Obj | None) -> None:
        """One change of a Service."""
        meta = obj["metadata"]
        of_namespace = self._services.setdefault(meta["namespace"], {})
        if kind == "DELETED":
            of_namespace.pop(meta["name"], None)
        else:
            of_namespace[meta["name"]] = obj

    def variables(self, namespace: str) -> dict[str, str]:
        """All of one namespace, in the order of the Services' names."""
        found: dict[str, str] = {}
        for _, service in sorted(self._services.get(namespace, {}).items()):
            found.update(of_service(service))
        return found


def of_service(service: Obj) -> dict[str, str]:
    """WEB_SERVICE_HOST, WEB_SERVICE_PORT, one for each named port, and Docker's old links."""
    spec = service["spec"]
    address = spec.get("clusterIP") or "None"
    ports = spec.get("ports") or []
    if address == "None" or not ports:
        return {}
    prefix = _name(service["metadata"]["name"])
    found = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    for port in ports:
        if port.get("name"):
            found[f"{prefix}_SERVICE_PORT_{_name(port['name'])}"] = str(port["port"])
    for at, port in enumerate(ports):
        protocol, number = port.get("protocol") or "TCP", str(port["port"])
        url = f"{protocol.lower()}://{address}:{number}"
        if at == 0:
            found[f"{prefix}_PORT"] = url
        link = f"{prefix}_PORT_{number}_{protocol.upper()}"
        found[link] = url
        found[f"{link}_PROTO"] = protocol.lower()
        found[f"{link}_PORT"] = number
        found[f"{link}_ADDR"] = address
    return found


def _name(text: str) -> str:
    return text.upper().replace("-", "_")
