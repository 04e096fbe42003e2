"""Consent: decides whether this cluster and these namespaces may be changed; refuses the rest.

On a real cluster, consent is a target that lists the cluster (by the uid of kube-system, under any
context name) and the namespace, or the label `resilience/consent=allow` on the namespace. A label
never consents to system namespaces, to nodes, to objects outside of namespaces, nor to creating a
namespace. The embedded sandbox needs no consent, unless a target names it. The result is a
`Consent`; only the cluster that it returns lets writes through (`resilience.cluster.permit.door`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from resilience.cluster.capabilities.machines import Machines
from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import NAMESPACES, Cluster, Means, Object, Resource
from resilience.cluster.permit.consent_keys import CONSENT, PROTECTED, closed_systems
from resilience.cluster.permit.door import Door, NotCovered, Permit
from resilience.cluster.permit.grants import KINDS
from resilience.cluster.transport import HttpCluster
from resilience.config.targets import Target, Targets
from resilience.engine.guard import consent_words as words
from resilience.engine.guard.expanded import expanded
from resilience.engine.guard.identity import identity
from resilience.engine.guard.locks import covered
from resilience.kube import objects
from resilience.model.step_reach import ANY, LEADING, Reach
from resilience.verbs.context import Refused

LABEL = CONSENT


def in_cluster_unnamed(context: str, environment: Mapping[str, str]) -> str:
    """Why a run inside a cluster is refused if it does not name a context; "" otherwise."""
    if context or not environment.get("KUBERNETES_SERVICE_HOST"):
        return ""
    return (
        "this process runs inside a cluster and no context is named; name it with"
        " --resilience-context in-cluster, or unset KUBERNETES_SERVICE_HOST to use the sandbox"
    )


class NoConsent(Refused):
    """Namespaces that may not be changed; the text says what would allow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a cluster consents to. `named` are the namespaces that its target names, `listed` the
    objects outside of namespaces; `free` marks a sandbox of this process, where everything is
    allowed."""

    reach: Reach
    target: Target | None = None
    named: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()
    guarded: frozenset[str] = frozenset()
    free: bool = False

    def permit(self, title: str, lost: Callable[[], str] = str) -> Permit:
        """For the door. `lost` says why the locks are no longer held; "" while they are held."""
        return Permit(
            title=title,
            namespaces=self.reach.namespaces,
            makes=self.named,
            nodes=self.reach.nodes,
            hosts=self.reach.nodes or bool(self.target and self.target.nodes),
            evicts_in=PROTECTED - closed_systems(self.target.namespaces if self.target else ()),
            cluster_scoped=self.listed,
            guarded=self.guarded,
            lost=lost,
        )

    def given_to(
        self, cluster: HttpCluster, title: str, lost: Callable[[], str] = str
    ) -> HttpCluster:
        """The cluster through which only this is allowed."""
        return cluster if self.free else cluster.under(self.permit(title, lost))


def consent(
    cluster: Cluster,
    targets: Sequence[Target],
    namespaces: Iterable[str],
    *,
    nodes: bool = False,
    cluster_scoped: Iterable[str] = (),
) -> Consent:
    """Consent for commands that know in advance what they change. Raises Refused, which says what
    would allow it."""
    reach = Reach(namespaces=frozenset(namespaces), nodes=nodes,
                  cluster_scoped=frozenset(cluster_scoped))  # fmt: skip
    return consent_to(cluster, targets, reach)


def consent_to(cluster: Cluster, targets: Sequence[Target], reach: Reach) -> Consent:
    """The part of the cluster that may be changed, if everything in `reach` may be changed; else
    Refused, which says last where targets were looked for."""
    try:
        return _agreed(cluster, targets, reach)
    except Refused as error:
        if not isinstance(targets, Targets):
            raise
        raise type(error)(f"{error}\n{targets.looked_for()}") from error


def _agreed(cluster: Cluster, targets: Sequence[Target], reach: Reach) -> Consent:
    target = target_of(cluster, targets)
    found = expanded(cluster, reach)
    if target is None and cluster.is_sandbox:
        return Consent(reach=found, free=True)
    _require_namespaces(cluster, target, sorted(found.namespaces))
    if found.nodes and (target is None or not target.nodes):
        raise Refused(words.no_nodes(cluster.context, target))
    listed = frozenset(target.cluster_scoped if target and found.cluster_scoped else ())
    if unlisted := sorted(found.cluster_scoped - ANY - {each.partition("/")[0] for each in listed}):
        raise Refused(words.not_listed(cluster.context, unlisted, target))
    if not listed:  # ANY of nothing
        found = replace(found, cluster_scoped=frozenset())
    listed |= {
        each
        for each in (target.cluster_scoped if target else ())
        if each.partition("/")[0] in found.if_listed
    }
    agreed = Consent(
        reach=found,
        target=target,
        listed=listed,
        named=found.namespaces & frozenset(target.namespaces if target else ()),
        guarded=_selecting(targets),
    )
    _require_nothing_refused(cluster, agreed)
    return agreed


def under_locks(
    cluster: HttpCluster, targets: Sequence[Target]
) -> Callable[[Sequence[str]], Cluster]:
    """For undos of dead runs: a cluster that allows writes to everything these Leases cover, as far
    as consent covers it now; else Refused."""

    def allowed(locks: Sequence[str]) -> Cluster:
        held = covered(locks)
        named = {name for target in targets for name in target.namespaces}
        there = {name for name in held.namespaces - named if _live(cluster, name) is not None}
        # A namespace that is gone contains nothing to undo, so it needs no consent.
        kept = frozenset(there | (held.namespaces & named))
        agreed = consent_to(cluster, targets, replace(held, namespaces=kept))
        return agreed.given_to(cluster, f"the undo under {', '.join(sorted(locks))}")

    return allowed


def books(cluster: HttpCluster, journal: str) -> HttpCluster:
    """The cluster for this project's own Leases and journals: these need no consent."""
    return cluster.under(Permit(title="the journal", journal=journal))


def target_of(cluster: Cluster, targets: Sequence[Target]) -> Target | None:
    """The target for this cluster, found by its uid; Refused when the target of this context names
    a different cluster, or when several targets match and none of them names the context."""
    if not targets:
        return None
    try:
        uid = identity(cluster)
    except Forbidden as error:
        raise Refused(words.unknown_cluster(cluster.context, error)) from error
    found = [target for target in targets if target.cluster == uid]
    named = [target for target in targets if target.context == cluster.context]
    chosen = [target for target in found if target in named]
    if named and not chosen:
        raise Refused(words.elsewhere(cluster.context, named[0], uid))
    if chosen or len(found) == 1:
        return (chosen or found)[0]
    if found:
        raise Refused(words.ambiguous(cluster.context, found))
    return None


def means(cluster: Cluster, targets: Sequence[Target], helper_image: str = "") -> Means:
    """The cluster's own capabilities and those that its target adds; a target never applies to
    another cluster. `helper_image` applies if the target does not set one."""
    try:
        target = target_of(cluster, targets)
    except Refused:
        target = None
    if target is None:
        return replace(cluster.means, helper_image=helper_image)
    driver = _power(target, cluster.context)
    return replace(
        cluster.means,
        machines=cluster.means.machines or driver,
        privileged=target.privileged,
        real_time_prober=target.real_time_prober,
        helper_image=target.helper_image or helper_image,
    )


def _power(target: Target, context: str) -> Machines | None:
    from resilience.machines.command import Command
    from resilience.machines.driven import DrivenMachines

    if target.machine_driver is not None:
        return DrivenMachines(target.machine_driver)
    return DrivenMachines(Command(target.driver, context), by_name=True) if target.driver else None


def _require_namespaces(cluster: Cluster, target: Target | None, namespaces: Sequence[str]) -> None:
    """Refused with one line for each that may not be changed. Those that do not exist share one:
    the target that it prints can be pasted only once."""
    missing, absent = list[str](), list[str]()
    for name in namespaces:
        try:
            why = _not_consented(cluster, name, target)
        except NotFound:
            absent.append(name)
            continue
        missing += [why] if why else []
    if absent:
        missing.append(words.absent(cluster.context, absent, target, lambda: identity(cluster)))
    if missing:
        raise NoConsent("\n".join(missing))


def _not_consented(cluster: Cluster, namespace: str, target: Target | None) -> str:
    """Why a namespace may not be changed; "" if it may. NotFound if it does not exist."""
    if target is not None and namespace in target.namespaces:
        return ""
    if namespace in PROTECTED:
        return words.protected(namespace, target)
    try:
        labels = objects.labels(cluster.get(NAMESPACES, namespace))
    except Forbidden as error:
        return words.unread(namespace, error)
    selected = target is not None and any(s.matches(labels) for s in target.namespace_selectors)
    if selected or labels.get(LABEL) == "allow":
        return ""
    return words.no_consent(cluster.context, namespace, target, labels.get(LABEL))


def _selecting(targets: Sequence[Target]) -> frozenset[str]:
    """Label keys with which any target selects namespaces."""
    return frozenset(
        each.key
        for target in targets
        for selector in target.namespace_selectors
        for each in selector.requirements
    )


def _require_nothing_refused(cluster: Cluster, agreed: Consent) -> None:
    """Ask the guarded cluster about the Namespaces, Roles and bindings that would be written,
    before anything is written."""
    door = Door(peek=partial(_at, cluster), permits=(agreed.permit("the run"),))
    for body in (each for each in agreed.reach.objects if each["kind"] not in LEADING):
        kind = KINDS.get(str(body["kind"]), NAMESPACES)
        path = kind.path(objects.namespace(body), objects.name(body))
        try:
            door.check("PATCH", path, {}, body)
        except NotCovered as error:
            raise Refused(str(error)) from error


def _live(cluster: Cluster, name: str) -> Object | None:
    return _at(cluster, NAMESPACES, name)


def _at(cluster: Cluster, kind: Resource, name: str, namespace: str = "") -> Object | None:
    try:
        return cluster.get(kind, name, namespace)
    except NotFound:
        return None
