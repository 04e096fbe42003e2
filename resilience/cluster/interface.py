"""The interface to Kubernetes: what actions, checks and libraries may request from a cluster.

`resilience.cluster.transport` implements it over HTTP for real clusters and the sandbox alike;
tests may pass anything of this shape. Methods block, are safe to call from several threads and
never retry writes by themselves. All raise `resilience.cluster.errors`.

There is no port-forward: such a connection leads to one Pod, past the Service, and dies with that
Pod, so a probe through it would measure the tunnel. A prober runs in the cluster instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol
from urllib.parse import quote

from resilience.cluster.capabilities.means import Means as Means
from resilience.cluster.requests.command import Command, Result, Sink
from resilience.cluster.requests.request import Middleware, Request
from resilience.kube.objects import Object as Object

FOLLOWED: Mapping[str, str] = MappingProxyType({"follow": "true"})
"""Query of a log that is read as it is written."""

_IN_A_PATH = ":@!$&'()*+,;="
"""Unescaped characters of a path segment (RFC 3986, 3.3): names of RBAC objects contain `:`."""


def grouped(kind: str, group: str) -> str:
    """`deployments.apps`, `pods`: a kind with its group, as kubectl and Velero write it."""
    return f"{kind}.{group}" if group else kind


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """One served resource: group "apps", version "v1", plural "deployments", kind "Deployment"."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """ "v1" or "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """ "pods" or "deployments.apps"."""
        return grouped(self.plural, self.group)

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """URL path; a namespaced resource without a namespace means all namespaces."""
        parts = ["", *(("apis", self.group) if self.group else ("api",)), self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(quote(part, safe=_IN_A_PATH) for part in parts)


PODS = Resource("", "v1", "pods", "Pod")
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
SERVICES = Resource("", "v1", "services", "Service")
SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap")
EVENTS = Resource("", "v1", "events", "Event")
ENDPOINTSLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICASETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
REPLICATIONCONTROLLERS = Resource("", "v1", "replicationcontrollers", "ReplicationController")
STATEFULSETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
DAEMONSETS = Resource("apps", "v1", "daemonsets", "DaemonSet")
CRONJOBS = Resource("batch", "v1", "cronjobs", "CronJob")
JOBS = Resource("batch", "v1", "jobs", "Job")
BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
SCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One watch event. `received` is monotonic seconds; type is ADDED, MODIFIED or DELETED."""

    type: str
    object: Object
    received: float


class View(Protocol):
    """A live local copy of one resource in one namespace (by selector), kept by one watch.

    It lists, then watches, and lists again after 410 or a broken connection, so that its content is
    never older than one reconnect. `listeners` see every event in order.
    """

    def objects(self) -> Sequence[Object]:
        """Present objects, sorted by namespace and name."""

    def by_uid(self, uid: str) -> Object | None:
        """The object with that uid; None once it is gone."""

    def subscribe(self, listener: Callable[[WatchEvent], None]) -> Callable[[], None]:
        """Call back on the view's own thread for each later event; returns cancel."""

    def wait(self, holds: Callable[[Sequence[Object]], bool], timeout: float) -> bool:
        """Block until `holds` is true of the objects; False when `timeout` seconds passed."""

    @property
    def version(self) -> str:
        """resourceVersion up to which the view has seen everything."""

    @property
    def trouble(self) -> str:
        """Why the view may be out of date now; "" while its watch is open."""


class Cluster(Protocol):
    """A cluster on which requests can be made."""

    @property
    def means(self) -> Means:
        """What can be done to the cluster outside of its API."""

    @property
    def server(self) -> str:
        """The URL of the API server, "" where there is none."""

    def now(self) -> float:
        """The API server's time, in seconds since the epoch: the clock of its timestamps."""

    def send(self, request: Request) -> Object:
        """One request, one JSON answer (an empty body gives {}). No retries."""

    def through(self, around: Middleware, agent: str = "") -> Cluster:
        """The same cluster with `around` wrapped around every request. `agent` goes into the
        User-Agent."""

    def recording(self, rules_nodes: Callable[[Any], bool]) -> Cluster:
        """The same cluster, for writing the objects of a snapshot: any of its Roles and bindings
        may be restored, and what `rules_nodes` where consent covers nodes."""

    def logs(
        self, pod: str, namespace: str, query: Mapping[str, str] = FOLLOWED
    ) -> AbstractContextManager[Iterator[bytes]]:
        """The lines of a Pod's log, followed as they are written unless `query` says otherwise
        (`container`, `previous`, `sinceTime` ..., as the API has them). Half a minute of silence
        counts as a broken connection: Unreachable."""

    def exec(
        self,
        command: Command,
        *,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Result:
        """Run a command in a container. A sink receives the bytes as they arrive. Unreachable when
        the stream ends without an exit code."""

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        """One object; NotFound when there is none."""

    def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
    ) -> Sequence[Object]:
        """All objects, in pages of 500. `labels` and `fields` are selectors as in URLs.
        apiVersion and kind are filled in on each item."""

    def pages(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Iterator[Object]:
        """The raw List answers, page by page."""

    def create(
        self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
    ) -> Object:
        """POST."""

    def replace(self, resource: Resource, body: Object, *, subresource: str = "") -> Object:
        """PUT; Conflict when metadata.resourceVersion is stale."""

    def patch(
        self,
        resource: Resource,
        name: str,
        body: Any,
        namespace: str = "",
        *,
        type: Literal["merge", "strategic", "json", "apply"] = "merge",
        subresource: str = "",
        dry_run: bool = False,
        force: bool = False,
    ) -> Object:
        """PATCH. `force` is for apply."""

    def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        grace: int | None = None,
        uid: str | None = None,
        propagation: str = "Background",
        dry_run: bool = False,
    ) -> Object:
        """DELETE; `uid` is sent as a precondition (Conflict when the name has another object)."""

    def evict(
        self, pod: str, namespace: str, *, grace: int | None = None, dry_run: bool = False
    ) -> Object:
        """POST eviction; Throttled when a budget forbids it now."""

    def view(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
    ) -> AbstractContextManager[View]:
        """A shared live copy; the same (resource, namespace, selectors) is one watch."""

    def resource(self, api_version: str, kind: str) -> Resource:
        """The resource from discovery; Invalid with the nearest known kinds if it is not served."""

    def resources(self) -> Sequence[Resource]:
        """All preferred listable resources, from discovery."""

    @property
    def context(self) -> str:
        """Readable name: the kubeconfig context, "in-cluster" or "sandbox"."""

    @property
    def is_sandbox(self) -> bool:
        """Whether it is the embedded sandbox of this run."""

    def ended(self) -> str:
        """Why the cluster has ended permanently, with everything in it; "" while it has not, even
        if it does not answer. This is quick: nothing is sent. From then on requests raise
        `ClusterEnded`."""

    def server_version(self) -> str:
        """The API server's gitVersion, such as "v1.36.0"."""
