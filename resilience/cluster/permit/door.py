"""The check that every write and every exec of every command passes on its way to a real cluster.

A write is sent only through a cluster that was given a `Permit` (`HttpCluster.under`), which says
who acts, in which namespaces, on nodes or not, on which cluster-scoped objects, and whether the
locks are still held. What a request changes is read from its own path and body, never from its
sender, so that future kinds and verbs pass the same door. Plain reads and access reviews pass; a
dry run (dryRun=All) needs the permit of the act itself.

The embedded sandbox belongs to this process alone, so everything is allowed there until it is given
a permit. `resilience.engine.guard.consent` checks consent and creates permits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from resilience.cluster.attributes import attributes
from resilience.cluster.errors import ApiError, ClusterError
from resilience.cluster.interface import NAMESPACES, grouped
from resilience.cluster.permit.acts_elsewhere import elsewhere, installs_into
from resilience.cluster.permit.consent_keys import PROTECTED, adds_owner, altered, changed
from resilience.cluster.permit.grants import GROUP, OPENSHIFT, PLURALS, Live, excess
from resilience.cluster.permit.service_questions import is_question

READS = frozenset({"GET", "HEAD", "OPTIONS"})
REVIEWS = frozenset(
    {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    }
)
STREAMS = frozenset({"exec", "attach", "portforward", "proxy"})
"""Subresources that act inside a container or behind a Service, with any method."""

SANDBOX = "/sandbox/v1/"
"""Fault endpoints of the embedded sandbox; no API server serves them."""

_SEGMENT = re.compile(r"[^/?#%\\\s\x00-\x1f\x7f]+")
"""Characters of a path segment: none that a client or a server could read differently."""


class NotCovered(ClusterError):
    """No permit covers this request; nothing was sent."""


def _held() -> str:
    return ""


def _of_none(body: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """What one run or command may write, covered by consent and its locks.

    `namespaces` may be changed. `makes` names the ones whose Namespace object may be created and
    deleted. `nodes` allows writes to nodes, and evictions of the Pods on them in any namespace,
    but of the system's own only in those of `evicts_in`. `cluster_scoped` holds `RESOURCE.GROUP` or
    `RESOURCE.GROUP/NAME`. `as_recorded` allows restoring Roles and bindings of a snapshot
    regardless of what they grant, and objects of deployment tools wherever they install; manifests
    of scenarios never get this. `hosts` allows objects of a snapshot that rule nodes. `asks`: the
    namespaces whose Services may be sent a GET by proxy.
    `journal` makes it the permit for this project's own records, which covers nothing else: Leases
    and journals in that namespace, and its creation.
    `guarded` are label keys of Namespaces that decide about consent. `lost` says why the locks are
    no longer held, "" while they are; it is called for each request.
    """

    title: str
    namespaces: frozenset[str] = frozenset()
    makes: frozenset[str] = frozenset()
    nodes: bool = False
    evicts_in: frozenset[str] = frozenset()
    cluster_scoped: frozenset[str] = frozenset()
    as_recorded: bool = False
    hosts: bool = False
    asks: frozenset[str] = frozenset()
    journal: str = ""
    guarded: frozenset[str] = frozenset()
    lost: Callable[[], str] = _held


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What is allowed: everything (`free`), or what one of the permits covers now. `rules_nodes`
    says of an object of a snapshot whether it acts on nodes."""

    peek: Live
    rules_nodes: Callable[[Any], bool] = _of_none
    permits: tuple[Permit, ...] = ()
    free: bool = False

    def check(self, method: str, path: str, query: Mapping[str, str], body: Any) -> None:
        """NotCovered unless the request changes nothing, or a permit covers it now."""
        asked = any(is_question(method, path, permit.asks) for permit in self.permits)
        if self.free or asked or is_read(method, path) or path.startswith(SANDBOX):
            return
        try:
            act = Act.of(method, path, query, body)
        except Unreadable as error:
            raise NotCovered(f"{_told(method, path)} was not sent: {error}") from None
        why = [self._why_not(act, permit) for permit in self.permits]
        if all(why):
            reason = why[0] if why else "it was sent before any consent was obtained"
            raise NotCovered(f"{_told(method, path)} was not sent: {reason}")

    def _why_not(self, act: Act, permit: Permit) -> str:
        """Why the permit does not cover it; "" if it does."""
        if permit.journal:
            return _not_bookkeeping(act, permit.journal)
        return self._not_allowed(act, permit) or self._grants(act, permit) or _not_locked(permit)

    def _grants(self, act: Act, permit: Permit) -> str:
        """Why a Role or a binding grants more than a scenario may; "" for all else."""
        writes = act.verb in ("create", "update", "patch")
        if act.resource not in PLURALS or not writes or permit.as_recorded:
            return ""
        if act.group == OPENSHIFT:
            return f"{act.resource}.{OPENSHIFT} is another name of {GROUP}; write it as {GROUP}/v1"
        if act.group != GROUP:
            return ""
        try:
            why = excess(
                act.resource, act.namespace, act.name, act.body, permit.namespaces, self.peek
            )
        except ApiError as error:
            why = f"what it grants cannot be read: {error}"
        if not why:
            return ""
        return (
            f"{why}; {permit.title} may only grant permissions to ServiceAccounts of its "
            "namespaces, and only inside of them. Grant it yourself before the run"
        )

    def _not_allowed(self, act: Act, permit: Permit) -> str:
        if act.is_namespace:
            return self._namespace(act, permit)
        if not act.namespace:
            return _cluster_scoped(act, permit)
        placed = {act.namespace, *elsewhere(act.body, act.group)}
        if not permit.as_recorded:
            placed |= installs_into(act.body, act.group)
        outside = sorted(placed - permit.namespaces)
        covered = not outside or (act.evicts and _empties(permit, act.namespace))
        if not covered:
            return f"{permit.title} does not cover namespace {', '.join(outside)}"
        return self._on_nodes(act, permit)

    def _on_nodes(self, act: Act, permit: Permit) -> str:
        """Objects of a manifest are looked at before their run begins, those of a snapshot here:
        a restore creates each of them, or finds that it is there, before it changes any."""
        if not permit.as_recorded or permit.hosts or act.verb != "create":
            return ""
        if not self.rules_nodes(act.body):
            return ""
        return (
            "it acts on nodes (privileged, a namespace or files of the host, or their addresses), "
            f"which {permit.title} does not cover; set `nodes = true` in the cluster's target"
        )

    def _namespace(self, act: Act, permit: Permit) -> str:
        name = act.name
        if name in PROTECTED:
            return f"Namespace {name} is a system namespace, which is never written"
        if name not in permit.namespaces:
            return f"{permit.title} does not cover namespace {name or '(without a name)'}"
        there = None if act.verb == "create" else self.peek(NAMESPACES, name, "")
        makes = there is None or act.verb == "delete" or act.resource != "namespaces"
        if (makes or adds_owner(there, act.body)) and name not in permit.makes:
            return f"{permit.title} may not {act.verb} namespace {name}: no target lists it"
        if act.verb == "delete":
            return ""
        if keys := changed(there, act.body, permit.guarded, act.verb):
            return (
                f"{', '.join(keys)} of Namespace {name} decides about consent, and is never written"
            )
        if permit.as_recorded or name in permit.makes:
            return ""
        return _rules_by(altered(there, act.body, act.verb), permit, name)


def _rules_by(keys: Sequence[str], permit: Permit, name: str) -> str:
    if not keys:
        return ""
    return (
        f"{permit.title} may not change {', '.join(keys)} of Namespace {name}: PodSecurity,"
        " NetworkPolicies of other namespaces and webhooks go by its labels and annotations, and no"
        " target lists it; list it in `namespaces` of the cluster's target"
    )


def _empties(permit: Permit, namespace: str) -> bool:
    return permit.nodes and namespace not in PROTECTED - permit.evicts_in


def _not_locked(permit: Permit) -> str:
    lost = permit.lost()
    return f"{permit.title} does not hold its locks: {lost}" if lost else ""


def _cluster_scoped(act: Act, permit: Permit) -> str:
    kind = act.resource.partition("/")[0]
    if act.verb == "deletecollection":
        return "collections outside of a namespace are never deleted"
    if kind == "nodes" and not act.group:
        return "" if permit.nodes else f"{permit.title} does not cover nodes"
    full = grouped(kind, act.group)
    if {full, f"{full}/{act.name}"} & permit.cluster_scoped:
        return ""
    return (
        f"{full} {act.name} is outside of any namespace, and no target lists it; list {full!r} in"
        " `cluster_scoped` of the cluster's target"
    )


BOOKS = frozenset({("coordination.k8s.io", "leases"), ("", "configmaps")})


def _not_bookkeeping(act: Act, journal: str) -> str:
    """Leases and journals of this project, and their namespace."""
    if act.is_namespace:
        bare = not (act.metadata.get("labels") or act.metadata.get("annotations"))
        if act.verb == "create" and act.name == journal and bare:
            return ""
    elif act.namespace == journal and (act.group, act.resource) in BOOKS and act.name:
        return ""
    return "the journal's permit covers Leases and ConfigMaps of its namespace only"


class Unreadable(ValueError):
    """A write whose effect cannot be determined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a request changes, read from its path and body. `resource` includes the subresource."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    body: Any

    @classmethod
    def of(cls, method: str, path: str, query: Mapping[str, str], body: Any) -> Act:
        """Unreadable for paths that an API server would reject, or that two could read
        differently."""
        bare, mark, _ = path.partition("?")
        if (mark and method != "CONNECT") or not _plain(bare):
            raise Unreadable("its path is not that of one object")
        found = attributes("GET" if method == "CONNECT" else method, bare, query)
        if found is None or not bare.startswith(("/api/v1/", "/apis/")):
            raise Unreadable("it is not a resource of Kubernetes")
        content = _content(body)
        act = cls(
            verb="connect" if method == "CONNECT" else found.verb,
            group=found.group,
            resource=found.resource,
            namespace=found.namespace,
            name=found.name or _name(content),
            body=content,
        )
        act._require_one_place()
        return act

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The value in the body; {} without one."""
        found = self.body.get("metadata") if isinstance(self.body, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    @property
    def is_namespace(self) -> bool:
        """Whether a Namespace object itself is changed."""
        return not self.group and self.resource.partition("/")[0] == "namespaces"

    @property
    def evicts(self) -> bool:
        """Whether it is the eviction of one Pod."""
        return (self.verb, self.group, self.resource) == ("create", "", "pods/eviction")

    def _require_one_place(self) -> None:
        said = self.metadata.get("namespace")
        if said and said != self.namespace and not self.is_namespace:
            raise Unreadable(
                f"its path says namespace {self.namespace or 'none'!r}, its body {said!r}"
            )
        if isinstance(self.body, Mapping) and isinstance(self.body.get("items"), list):
            raise Unreadable("it writes a list of objects")


def is_read(method: str, path: str) -> bool:
    """Whether it changes nothing, on any cluster: plain reads and access reviews."""
    bare = unquote(path.partition("?")[0])
    if method not in READS:
        return method == "POST" and path in REVIEWS
    found = attributes("GET", bare)
    if found is None or {".", ".."} & set(bare.split("/")):
        return found is None
    kind, _, subresource = found.resource.partition("/")
    return subresource not in STREAMS and kind != "proxy"


def _plain(path: str) -> bool:
    parts = path.split("/")[1:]
    return path.startswith("/") and all(
        _SEGMENT.fullmatch(part) and part not in (".", "..") for part in parts
    )


def _content(body: Any) -> Any:
    if not isinstance(body, bytes | str):
        return body
    try:
        return json.loads(body)
    except ValueError:
        raise Unreadable("its body is not JSON") from None


def _name(body: Any) -> str:
    metadata = body.get("metadata") if isinstance(body, Mapping) else None
    return str(metadata.get("name") or "") if isinstance(metadata, Mapping) else ""


def _told(method: str, path: str) -> str:
    return f"{'EXEC' if method == 'CONNECT' else method} {path.partition('?')[0]}"
