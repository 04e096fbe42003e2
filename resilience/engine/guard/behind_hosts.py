"""What a request to a name or an address may reach in one cluster, the place that consent is for.

A Service is reached by its names, by every address of it, by a node's address and its node port,
by another Service that leads to it (`externalName`, endpoints of its own), and by the host of an
Ingress or another route. A Pod is reached by its address or a host port. A node's address at any
other port is the node itself. Names that only an outside resolver knows are not followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from urllib.parse import urlsplit

from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import (
    ENDPOINTSLICES,
    NAMESPACES,
    NODES,
    PODS,
    SERVICES,
    Cluster,
    Object,
    Resource,
)
from resilience.engine.guard import consent_words as words
from resilience.engine.guard import host_routes
from resilience.engine.guard.host_addresses import (
    endpoints,
    hostnames,
    node_names,
    own_addresses,
    pod_addresses,
    pod_ports,
    service_addresses,
    service_ports,
)
from resilience.kube import objects
from resilience.kube.service_names import address, possible_services
from resilience.model.step_reach import Host, Reach, union, within
from resilience.verbs.context import Refused

OWN = ("127.0.0.1", "::1", "0.0.0.0", "::")
"""Of the machine or the Pod that asks. The rest of 127.0.0.0/8 has Pods on the sandbox."""

KUBERNETES = ("kubernetes", "default")
"""The API server's Service and its namespace."""

API = "(everything: the API server itself)"
"""A place that nothing covers: requests to the API server pass the door alone."""

BY_CONTROLLER = "endpointslice-controller.k8s.io"


class Network:
    """`made` are the Services and endpoints that the run itself would write."""

    def __init__(self, cluster: Cluster, made: Sequence[Object] = ()) -> None:
        self._cluster = cluster
        self._made = made
        self._seen = set[Host]()
        self._all = cache(self._listed)
        server = urlsplit(cluster.server)
        self._server = Host(server.hostname or "", server.port or 443)

    def reached(self, host: Host) -> Reach:
        """Everything behind a host. Refused where this identity may not see it."""
        if host in self._seen:
            return Reach()
        self._seen.add(host)
        if _same(host, self._server):
            return within(API)
        try:
            if found := address(host.name):
                return self._at(str(found), host.port)
            return self._named(host)
        except Forbidden as error:
            raise Refused(words.unknown_host(host.name, error)) from error

    def _listed(self, kind: Resource) -> Sequence[Object]:
        try:
            return self._cluster.list(kind)
        except NotFound:  # it is not served
            return ()

    def _named(self, host: Host) -> Reach:
        name = host.name.lower().rstrip(".")
        if name == "localhost":
            return self._at(OWN[0], host.port)
        found = [self._service(service, namespace, host.port)
                 for service, namespace in possible_services(host.name)
                 if self._exists(namespace)]  # fmt: skip
        return union([*found, self._outside(name, host.port)])

    def _exists(self, namespace: str) -> bool:
        try:
            self._cluster.get(NAMESPACES, namespace)
        except NotFound:
            return any(objects.namespace(each) == namespace for each in self._made)
        return True

    def _outside(self, name: str, port: int) -> Reach:
        """By a name that clients outside of the cluster use."""
        served = [each for each in self._all(SERVICES) if name in hostnames(each)]
        found = [_place(each) for each in _with(served, port)]
        if any(name in node_names(each) for each in self._all(NODES)):
            found += [self._node(name, port, bool(found))]
        routes = self._routes()
        taken = [*host_routes.for_name(routes, name), *host_routes.at(routes, name)]
        return union([*found, *map(self._routed, taken)])

    def _routes(self) -> list[Object]:
        kinds = (each for each in self._cluster.resources() if each.full_name in host_routes.KINDS)
        return [each for kind in kinds for each in self._all(kind)]

    def _routed(self, route: Object) -> Reach:
        """A route's namespace, and those of the Services that it leads to."""
        found = [self._service(service, namespace, 0)
                 for service, namespace in host_routes.backends(route)
                 if self._exists(namespace)]  # fmt: skip
        return union([within(objects.namespace(route)), *found])

    def _service(self, name: str, namespace: str, port: int) -> Reach:
        """A Service's namespace, and wherever its clients end up."""
        found = [_place({"metadata": {"name": name, "namespace": namespace}})]
        own = [*self._live(name, namespace), *self._written("Service", name, namespace)]
        for each in own:
            if leads := str((each.get("spec") or {}).get("externalName") or ""):
                found.append(self.reached(Host(leads, port)))
        found += [self.reached(Host(each, port)) for each in self._endpoints(name, namespace, own)]
        return union(found)

    def _live(self, name: str, namespace: str) -> Iterator[Object]:
        try:
            yield self._cluster.get(SERVICES, name, namespace)
        except NotFound:
            return

    def _written(self, kind: str, name: str, namespace: str) -> list[Object]:
        return [each for each in self._made
                if (each["kind"], objects.name(each), objects.namespace(each))
                == (kind, name, namespace)]  # fmt: skip

    def _endpoints(self, name: str, namespace: str, own: Sequence[Object]) -> list[str]:
        """Addresses behind a Service that are no Pods of its namespace."""
        selecting = any((each.get("spec") or {}).get("selector") for each in own)
        label = {"kubernetes.io/service-name": name}
        slices = [each for each in self._made if each["kind"] == "EndpointSlice"
                  and objects.namespace(each) == namespace
                  and label.items() <= objects.labels(each).items()]  # fmt: skip
        slices += self._written("Endpoints", name, namespace)
        if own:
            slices += self._slices(name, namespace, selecting=selecting)
        foreign = {each for part in slices for each in endpoints(part)}
        if foreign:
            pods = self._cluster.list(PODS, namespace)
            foreign -= {each for pod in pods for each in pod_addresses(pod)}
        return sorted(foreign)

    def _slices(self, name: str, namespace: str, *, selecting: bool) -> list[Object]:
        """Without those that the control plane keeps for a Service with a selector."""
        wanted = f"kubernetes.io/service-name={name}"
        try:
            there = self._cluster.list(ENDPOINTSLICES, namespace, labels=wanted)
        except Forbidden:
            if not selecting:
                raise
            return []
        by = "endpointslice.kubernetes.io/managed-by"
        return [each for each in there
                if not selecting or objects.labels(each).get(by) != BY_CONTROLLER]  # fmt: skip

    def _at(self, wanted: str, port: int) -> Reach:
        """By an address."""
        if wanted in OWN:
            return self._own(port)
        served = [each for each in self._all(SERVICES) if wanted in service_addresses(each)]
        pods = [each for each in self._all(PODS) if wanted in own_addresses(each)]
        found = [_place(each) for each in (*_with(served, port), *pods)]
        if wanted in self._of_api():
            found.append(within(API))
        if any(wanted in node_names(each) for each in self._all(NODES)):
            hears = any(port in service_ports(each) for each in served)
            found.append(self._node(wanted, port, hears))
        found += [self._routed(each) for each in host_routes.at(self._routes(), wanted)]
        return union(found)

    def _of_api(self) -> set[str]:
        """Addresses of the API server, where they may be seen."""
        slices = self._slices(*KUBERNETES, selecting=True)
        return {each for part in slices for each in endpoints(part)}

    def _own(self, port: int) -> Reach:
        """This machine may be a node of the cluster: its node ports are open on it then."""
        found = [each for each in self._all(SERVICES)
                 if port and (port in _node_ports(each) or ("localhost" in hostnames(each)
                                                   and port in service_ports(each)))]  # fmt: skip
        return union(within(objects.namespace(each)) for each in found)

    def _node(self, name: str, port: int, heard: bool) -> Reach:
        """A node's own address: node ports, host ports, or the node itself."""
        served = [each for each in self._all(SERVICES)
                  if _node_ports(each) and port in (0, *_node_ports(each))]  # fmt: skip
        nodes = {objects.name(each) for each in self._all(NODES) if name in node_names(each)}
        pods = [each for each in self._all(PODS)
                if objects.node(each) in nodes and port in pod_ports(each)]  # fmt: skip
        found = union(within(objects.namespace(each)) for each in (*served, *pods))
        return found | Reach(nodes=not (heard or (port and (served or pods))))


def _place(obj: Object) -> Reach:
    """Its namespace; the API server's own Service leads to everything."""
    space = objects.namespace(obj)
    is_api = (objects.name(obj), space) == KUBERNETES
    return within(API if is_api else space)


def _same(host: Host, server: Host) -> bool:
    """Whether both are one listener; loopback has several names."""
    names = [_plain(each.name) for each in (host, server)]
    return host.port == server.port and names[0] == names[1]


def _plain(name: str) -> str:
    text = str(address(name) or name.lower().rstrip("."))
    return "localhost" if text in OWN else text


def _node_ports(service: Object) -> set[int]:
    spec = service.get("spec") or {}
    return {each["nodePort"] for each in spec.get("ports") or () if each.get("nodePort")}


def _with(services: Iterable[Object], port: int) -> list[Object]:
    """Of Services that share an address, those with this port; all where none of them has it."""
    every = list(services)
    return [each for each in every if port in service_ports(each)] or every
