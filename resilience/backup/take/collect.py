"""All objects of a scope, page by page, passed to `take` in restore order.

Namespaced kinds first, then the cluster-scoped objects that they need. The coverage records what
could not be read; the caller decides whether that is enough. A snapshot is not a point in time:
Kubernetes has no snapshot across kinds, so `recheck` names what changed in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.coverage import EXCLUDED, FORBIDDEN, LISTED, Coverage
from resilience.backup.format.errors import BadRequest, Incomplete
from resilience.backup.format.pipe import ahead
from resilience.backup.objects import order
from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.related import Need, bound_roles, needs
from resilience.backup.take.aggregated_roles import is_default, parts
from resilience.backup.take.discover import Discovery, discover
from resilience.backup.take.listing import Listing, Page
from resilience.backup.take.scope import EXCLUDE_LABEL, NEVER, Scope, left_out
from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import NAMESPACES, Cluster, Object, Resource
from resilience.model.nearest import asked, did_you_mean
from resilience.model.words import one_line

Take = Callable[[Resource, Object], None]

_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"
_ROLES = "clusterroles.rbac.authorization.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_UNBOUND = ("Pending", "Lost")


@dataclass(slots=True)
class Collected:
    """The result of walking a scope. `needed` are references of included objects; `claims` are
    (namespace, name, volume); the volumes of `lost` ones are gone."""

    namespaces: list[str] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    needed: set[Need] = field(default_factory=set)
    claims: list[tuple[str, str, str]] = field(default_factory=list)
    lost: set[tuple[str, str]] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    dangling: list[str] = field(default_factory=list)

    @property
    def readable(self) -> list[tuple[str, str, str]]:
        """The claims whose data may be there, sorted."""
        return sorted(each for each in self.claims if each[:2] not in self.lost)


def collect(cluster: Cluster, scope: Scope, take: Take, *, clock: Clock) -> Collected:
    """Walk the scope; `take` receives every object once."""
    return _Walk(cluster, scope, take, clock).run()


class _Walk:
    def __init__(self, cluster: Cluster, scope: Scope, take: Take, clock: Clock) -> None:
        self._cluster, self._scope, self._take, self._clock = cluster, scope, take, clock
        self._found = Collected()
        self._kinds: dict[str, Resource] = {}
        self._custom: set[str] = set()
        self._fetched: set[Need] = set()

    def run(self) -> Collected:
        discovery = discover(self._cluster)
        self._kinds = {kind.full_name: kind for kind in discovery.kinds}
        self._found.coverage += discovery.failures
        self._require_kinds(discovery)
        namespaces = self._namespaces()
        self._listed(self._namespaced_kinds(), self._lists(namespaces))
        if self._scope.cluster == "all":
            self._listed(self._cluster_kinds(), [""])
        self._objects_of_namespaces(namespaces)
        if self._scope.cluster == "related":
            self._related()
        return self._found

    def _require_kinds(self, discovery: Discovery) -> None:
        """A pattern that matches no kind is a mistake, and would silently include nothing. One to
        exclude may be for another cluster, unless it is another word for a kind of this one."""
        unknown = {each.kind.partition("/")[0] for each in discovery.failures}
        for pattern in self._scope.kinds:
            group = pattern.partition(".")[2]
            accepted = any(fnmatchcase(pattern, each) for each in self._scope.accept)
            if accepted or group in unknown or fnmatch_any(self._kinds, pattern):
                continue
            hint = asked(self._meant(pattern)) or did_you_mean(pattern, self._kinds, 3)
            raise self._unknown("kinds", pattern, hint)
        for pattern in self._scope.exclude_kinds:
            if fnmatch_any([*self._kinds, *NEVER], pattern):
                continue
            if meant := self._meant(pattern):
                raise self._unknown("exclude", pattern, asked(meant))
            self._found.left_out.append(f"exclude: {pattern} matches no kind that is served")

    def _meant(self, pattern: str) -> list[str]:
        return [name for name in self._kinds if _means(pattern, name)]

    def _unknown(self, field: str, pattern: str, hint: str) -> BadRequest:
        return BadRequest(
            f"{field}: {pattern} matches no kind that {self._cluster.context} serves{hint}"
        )

    def _namespaces(self) -> list[Object]:
        """The Namespace objects. Without permission to list them, they can still be given by
        name."""
        try:
            listed = list(self._cluster.list(NAMESPACES, labels=self._scope.namespace_labels))
            by_name = {each["metadata"]["name"]: each for each in listed}
            chosen = [by_name[name] for name in self._scope.chosen(listed)]
        except Forbidden:
            if self._scope.literal_namespaces != self._scope.namespaces:
                raise
            named = [self._named_namespace(name) for name in sorted(self._scope.namespaces)]
            for each in named:
                _require_taken(each)
            return named
        if absent := set(self._scope.literal_namespaces) - set(by_name):
            raise BadRequest(
                f"namespace {', '.join(sorted(absent))} does not exist in {self._cluster.context}; "
                f"it has {', '.join(sorted(by_name)) or 'none'}"
            )
        named = [by_name[name] for name in self._scope.literal_namespaces]
        for each in named:
            if not chosen or each["metadata"].get("deletionTimestamp"):
                _require_taken(each)
        return chosen

    def _named_namespace(self, name: str) -> Object:
        try:
            return self._cluster.get(NAMESPACES, name)
        except Forbidden:  # its objects may still be readable, as the coverage will show
            return {"metadata": {"name": name}}

    def _lists(self, namespaces: Sequence[Object]) -> list[str]:
        self._found.namespaces = [each["metadata"]["name"] for each in namespaces]
        return [""] if self._scope.everything else self._found.namespaces

    def _namespaced_kinds(self) -> list[str]:
        return [name for name, kind in self._kinds.items() if kind.namespaced]

    def _cluster_kinds(self) -> list[str]:
        return [
            name
            for name, kind in self._kinds.items()
            if not kind.namespaced and name != "namespaces"
        ]

    def _listed(self, kinds: Sequence[str], namespaces: Sequence[str]) -> None:
        included = []
        for kind in order.in_order(kinds):
            if rule := self._scope.exclusion(kind):
                self._found.coverage.append(Coverage(kind=kind, status=EXCLUDED, rule=rule))
            else:
                included.append(self._kinds[kind])
        chosen = frozenset(self._found.namespaces)
        for each in ahead(self._pages(included, namespaces)):
            if isinstance(each, Coverage):
                self._found.coverage.append(each)
                continue
            for item in each.items:
                namespace = item["metadata"].get("namespace", "")
                if not namespace or namespace in chosen:
                    self._one(each.resource, item)

    def _pages(
        self, kinds: Sequence[Resource], namespaces: Sequence[str]
    ) -> Iterator[Page | Coverage]:
        for kind in kinds:
            for namespace in namespaces:
                yield from Listing(
                    self._cluster,
                    kind,
                    namespace,
                    labels=self._scope.labels,
                    clock=self._clock,
                ).run()

    def _one(self, resource: Resource, item: Object) -> None:
        if rule := left_out(item):
            self._found.left_out.append(f"{_shown(resource, item)}: {rule}")
            return
        self._found.needed.update(needs(item))
        if resource.full_name == "persistentvolumeclaims":
            self._claim(resource, item)
        if "." in resource.group:
            self._custom.add(resource.full_name)
        self._take(resource, item)

    def _claim(self, resource: Resource, item: Object) -> None:
        """Its data is taken, except for a generic ephemeral volume: that ends with its Pod."""
        metadata, spec = item["metadata"], item.get("spec") or {}
        for owner in metadata.get("ownerReferences") or ():
            if owner.get("controller") and identity(owner) == "Pod":
                why = f"its data is not taken: it is an ephemeral volume of Pod {owner['name']}"
                self._found.left_out.append(f"{_shown(resource, item)}: {why}")
                return
        place, volume = (metadata["namespace"], metadata["name"]), spec.get("volumeName", "")
        phase = (item.get("status") or {}).get("phase")
        if volume and phase in _UNBOUND:
            why = f"its data is not taken: it is {phase}, and not bound to its volume {volume}"
            self._found.left_out.append(f"{_shown(resource, item)}: {why}")
        if phase == "Lost":
            self._found.lost.add(place)
        self._found.claims.append((*place, "" if phase == "Pending" else volume))

    def _objects_of_namespaces(self, namespaces: Sequence[Object]) -> None:
        kind = self._kinds.get("namespaces", NAMESPACES)
        whole = [each for each in namespaces if "kind" in each or "uid" in each["metadata"]]
        for each in whole:
            self._take(kind, each | {"apiVersion": "v1", "kind": "Namespace"})
        self._found.coverage.append(
            Coverage(kind="namespaces", status="listed", objects=len(whole))
            if len(whole) == len(namespaces)
            else Coverage(kind="namespaces", status=FORBIDDEN, detail="namespaces cannot be read")
        )

    def _related(self) -> None:
        wanted = {need for need in self._found.needed if not need.namespace}
        wanted |= set(self._bound()) | {Need(_CRDS, "", name) for name in self._custom}
        for need in sorted(wanted, key=lambda need: (order.wave(need.kind), need)):
            resource = self._kinds.get(need.kind)
            if resource and not self._scope.exclusion(need.kind):
                self._fetch(resource, need)

    def _bound(self) -> Iterator[Need]:
        resource = self._kinds.get(_BINDINGS)
        if not resource or self._scope.exclusion(_BINDINGS):
            return
        for each in Listing(self._cluster, resource, clock=self._clock).run():
            if isinstance(each, Coverage):
                if (
                    each.status != LISTED
                ):  # this list only checked access; the objects taken are counted below
                    self._found.coverage.append(each)
                continue
            for item in each.items:
                yield from bound_roles(item, frozenset(self._found.namespaces))

    def _aggregated(self, resource: Resource, role: Object) -> None:
        try:
            for name in parts(self._cluster, resource, role):
                self._fetch(resource, Need(_ROLES, "", name))
        except Forbidden as problem:
            self._found.coverage.append(
                Coverage(kind=_ROLES, status=FORBIDDEN, detail=str(problem))
            )

    def _fetch(self, resource: Resource, need: Need) -> None:
        if need in self._fetched:
            return
        self._fetched.add(need)
        try:
            item = self._cluster.get(resource, need.name)
        except NotFound:
            if need.kind != _CRDS:  # a group served by an aggregated API has none
                self._found.dangling.append(f"{need} is referred to, but does not exist")
            return
        except Forbidden as problem:
            self._found.coverage.append(
                Coverage(kind=need.kind, status=FORBIDDEN, detail=str(problem))
            )
            return
        item |= {"apiVersion": resource.api_version, "kind": resource.kind}
        if resource.group == _RBAC and is_default(item):
            return
        if (item["metadata"].get("labels") or {}).get(EXCLUDE_LABEL) == "true":
            self._found.left_out.append(f"{_shown(resource, item)}: labelled {EXCLUDE_LABEL}")
            return
        self._take(resource, item)
        if need.kind == _ROLES:
            self._aggregated(resource, item)


def fnmatch_any(names: Iterable[str], pattern: str) -> bool:
    """Whether the pattern matches one of the names."""
    return any(fnmatchcase(name, pattern) for name in names)


def _means(pattern: str, name: str) -> bool:
    """`deployment`, `deployments` or `Deployment` for `deployments.apps`."""
    plural = name.partition(".")[0]
    return pattern.lower() in (plural, plural.removesuffix("s"), plural.removesuffix("es"))


def _require_taken(namespace: Object) -> None:
    """Naming a namespace that would be left out is an error, so that no empty snapshot is
    created."""
    if reason := left_out(namespace):
        raise Incomplete(
            f"namespace {namespace['metadata']['name']} is {reason}, so nothing in it can be "
            "taken; no snapshot was taken"
        )


def _shown(resource: Resource, item: Object) -> str:
    metadata = item["metadata"]
    namespace = metadata.get("namespace")
    where = f"{namespace}/" if namespace else ""
    return one_line(f"{resource.full_name} {where}{metadata['name']}")
