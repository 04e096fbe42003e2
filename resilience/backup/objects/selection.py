"""Which objects of a snapshot a restore includes. Pure.

Kinds are written as `kubectl get` takes them: `deployments`, `deployments.apps` or `Deployment`,
with a name after a slash for one object (`deployments/checkout`), patterns allowed. A selection
includes what the chosen objects cannot exist without: their namespaces and the definitions of their
kinds; a selection of whole namespaces also the cluster-scoped objects that concern them. These are
created if they are missing, and otherwise left unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from resilience.backup.format.errors import BadRequest
from resilience.cluster.interface import Object
from resilience.kube.selectors import Selector
from resilience.model.without_effect import without_effect

_SHORT = {
    "cm": "configmaps", "crd": "customresourcedefinitions", "cj": "cronjobs",
    "deploy": "deployments", "ds": "daemonsets", "ep": "endpoints",
    "hpa": "horizontalpodautoscalers", "ing": "ingresses", "limits": "limitranges",
    "netpol": "networkpolicies", "ns": "namespaces", "pdb": "poddisruptionbudgets", "po": "pods",
    "pc": "priorityclasses", "pv": "persistentvolumes", "pvc": "persistentvolumeclaims",
    "quota": "resourcequotas", "rc": "replicationcontrollers", "rs": "replicasets",
    "sa": "serviceaccounts", "sc": "storageclasses", "sts": "statefulsets", "svc": "services",
    "vac": "volumeattributesclasses",
}  # fmt: skip
"""The short names of built-in kinds, as `kubectl api-resources` lists them."""

_CRDS = "customresourcedefinitions.apiextensions.k8s.io"


@dataclass(frozen=True, slots=True)
class Pattern:
    """`KIND` or `KIND/NAME`."""

    kind: str
    name: str = "*"

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read `KIND` or `KIND/NAME`; `BadRequest` for any other text."""
        kind, slash, name = text.partition("/")
        if not kind or (slash and not name) or "/" in name:
            raise BadRequest(f"{text!r} is not a kind; expected KIND or KIND/NAME, as in "
                             "`deployments` or `configmaps/settings`")  # fmt: skip
        kind = kind.lower()
        return cls(_SHORT.get(kind, kind), name or "*")

    def __str__(self) -> str:
        return self.kind if self.name == "*" else f"{self.kind}/{self.name}"

    def matches(self, resource: str, kind: str, name: str) -> bool:
        """`resource` is `deployments.apps`, `kind` is `Deployment`."""
        plural, _, group = resource.partition(".")
        words = (resource, plural, kind.lower(), f"{kind.lower()}.{group}" if group else "")
        return any(word and fnmatchcase(word, self.kind) for word in words) and fnmatchcase(
            name, self.name
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Empty: everything. `namespaces` are names or patterns of the snapshot's own namespaces.
    `cluster_scoped` false leaves out cluster-scoped objects."""

    namespaces: Sequence[str] = ()
    include: Sequence[Pattern] = ()
    exclude: Sequence[Pattern] = ()
    labels: Selector | None = None
    cluster_scoped: bool = True

    @property
    def partial(self) -> bool:
        """Whether objects that were not chosen are ignored when problems are looked for."""
        return bool(self.namespaces or self.include or self.labels)

    @property
    def leaves_out(self) -> bool:
        """Whether some objects of the snapshot may be left out."""
        return self.partial or bool(self.exclude)

    @property
    def whole_namespaces(self) -> bool:
        """Whether a chosen namespace includes everything in it."""
        return not (self.include or self.labels)

    def in_namespace(self, namespace: str) -> bool:
        """Whether objects of that namespace may be chosen."""
        return not self.namespaces or any(
            fnmatchcase(namespace, pattern) for pattern in self.namespaces
        )

    def names(self, resource: str, kind: str, name: str) -> bool:
        """Whether the kind, and the name, are selected."""
        if not self.exclude and not self.include:
            return True
        if any(each.matches(resource, kind, name) for each in self.exclude):
            return False
        return not self.include or any(each.matches(resource, kind, name) for each in self.include)

    def chooses(self, resource: str, obj: Object) -> bool:
        """Whether an object was chosen."""
        metadata: Mapping[str, Any] = obj["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        if not self.names(resource, obj["kind"], name):
            return False
        if self.labels and not self.labels.matches(metadata.get("labels") or {}):
            return False
        if resource == "namespaces":
            return self.in_namespace(name)
        if namespace:
            return self.in_namespace(namespace)
        named = bool(self.include) or not self.namespaces
        return named and self.cluster_scoped


EVERYTHING = Selection()

Named = tuple[str, str, str, str]
"""An object's resource (`deployments.apps`), kind, namespace and name."""


def unmatched(selection: Selection, status: Sequence[str], held: Iterable[Named]) -> list[str]:
    """The patterns that match nothing that a snapshot holds: one with a mistake in it chooses too
    little, or leaves out too little."""
    options = [("--include", selection.include), ("--exclude", selection.exclude)]
    left = [(option, each) for option, patterns in options for each in patterns]
    spaces, kinds = set(selection.namespaces), set(status)
    held = list(held)
    for resource, kind, namespace, name in held:
        space = name if resource == "namespaces" else namespace
        left = [each for each in left if not each[1].matches(resource, kind, name)]
        spaces = {each for each in spaces if not fnmatchcase(space, each)}
        kinds = {each for each in kinds if not fnmatchcase(resource, each)}
    resources = {each[0] for each in held}
    own = {each[3] if each[0] == "namespaces" else each[2] for each in held}
    return [
        *(_nothing_of(option, each, held) for option, each in left),
        *(without_effect("--namespace", each, own, "namespaces") for each in sorted(spaces)),
        *(without_effect("--status", each, resources, "kinds") for each in sorted(kinds)),
    ]


def _nothing_of(option: str, pattern: Pattern, held: Sequence[Named]) -> str:
    """Names of the pattern's kind, or the kinds where there is none of it."""
    kind = Pattern(pattern.kind)
    names = [each[3] for each in held if kind.matches(*each[:2], each[3])]
    if not names:
        return without_effect(option, str(pattern), (each[0] for each in held), "kinds",
                              pattern.kind)  # fmt: skip
    return without_effect(option, str(pattern), names, pattern.kind, pattern.name)


class Chosen:
    """What a selection includes in one snapshot, found in a first pass over all its objects."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._namespaces: set[str] = set()
        self._definitions: set[str] = set()
        self.claims: set[tuple[str, str]] = set()
        self.uids: set[str] = set()
        self._found = False

    def see(self, resource: str, obj: Object) -> None:
        """Look at one object."""
        if not self._selection.chooses(resource, obj):
            return
        self._found = True
        self.uids.add(str(obj["metadata"].get("uid", "")))
        self._definitions.add(resource)
        if namespace := obj["metadata"].get("namespace", ""):
            self._namespaces.add(namespace)
        if resource == "persistentvolumeclaims":
            self.claims.add((namespace, obj["metadata"]["name"]))

    def require_any(self, snapshot: str) -> None:
        """`BadRequest` when nothing was chosen, because an empty restore must not look
        successful."""
        if not self._found and self._selection.partial:
            raise BadRequest(
                f"nothing in snapshot {snapshot} matches what was chosen; `resilience backup show "
                f"{snapshot}` lists what it holds"
            )

    def holds(self, resource: str, obj: Object) -> bool:
        """Whether the object is restored, as chosen or as needed."""
        return self._selection.chooses(resource, obj) or self.only_needed(resource, obj)

    def only_needed(self, resource: str, obj: Object) -> bool:
        """Only needed by what was chosen: created if missing, else left unchanged."""
        if not self._selection.partial or self._selection.chooses(resource, obj):
            return False
        name = obj["metadata"]["name"]
        if any(each.matches(resource, obj["kind"], name) for each in self._selection.exclude):
            return False
        if resource == "namespaces":
            return name in self._namespaces
        if obj["metadata"].get("namespace") or not self._selection.cluster_scoped:
            return False
        if resource == _CRDS:
            return name in self._definitions
        return self._selection.whole_namespaces and self._concerns(obj)

    def _concerns(self, obj: Object) -> bool:
        """Whether a cluster-scoped object concerns no other namespace: it names none, or a
        chosen one."""
        claim = (obj.get("spec") or {}).get("claimRef")
        named = [each.get("namespace") for each in (claim, *(obj.get("subjects") or ())) if each]
        places = [str(each) for each in named if each]
        return not places or any(map(self._selection.in_namespace, places))
