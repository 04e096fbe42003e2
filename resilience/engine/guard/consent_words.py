"""Wording of a refusal for lack of consent: what was requested, and what would allow it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from resilience.cluster.errors import ClusterError
from resilience.cluster.permit.consent_keys import CONSENT
from resilience.config.project_tables import OWN, heading, quoted
from resilience.config.targets import Target


def no_consent(
    context: str, namespace: str, target: Target | None, label: str | None = None
) -> str:
    """For an existing namespace: a label is enough. `label` is the value that it has."""
    has = label is not None
    other = f", whose label {CONSENT} is {label!r} instead of 'allow'" if has else ""
    change = " --overwrite" if has else ""
    return (
        f"nothing allows acting in namespace {namespace!r} of {context!r}{other}; list it in"
        f" {some(target)}, or label it: kubectl --context {context} label namespace"
        f" {namespace} {CONSENT}=allow{change}"
    )


def absent(
    context: str, namespaces: Sequence[str], target: Target | None, uid: Callable[[], str]
) -> str:
    """For namespaces that do not exist and cannot be labelled: the complete target is
    printed, once for all of them."""
    one = len(namespaces) == 1
    names = " and ".join(repr(each) for each in namespaces)
    said = (
        f"nothing allows acting in namespace{'' if one else 's'} {names} of {context!r}, which "
        f"{'does' if one else 'do'} not exist; "
        "a namespace can only be created if a target lists it by name; "
    )
    if target is not None:
        names = _list((*target.namespaces, *namespaces))
        return f"{said}in {some(target)} write:\nnamespaces = {names}"
    return f"{said}append this to {OWN}:\n{finished(context, namespaces, _known(uid))}"


def finished(context: str, namespaces: Sequence[str], uid: str) -> str:
    """A complete target, ready to be pasted."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", context).strip("-") or "here"
    return (
        f"[{heading(OWN, 'targets', name)}]\ncontext = {quoted(context)}\n"
        f"cluster = {quoted(uid)}\nnamespaces = {_list(namespaces)}"
    )


def protected(namespace: str, target: Target | None) -> str:
    """A system namespace."""
    return (
        f"namespace {namespace!r} is a system namespace; only {some(target)} that lists it in "
        "`namespaces` can allow it"
    )


def cannot_select(text: str, error: ClusterError) -> str:
    """For namespaces chosen by label, without permission to list them."""
    return (
        f"the namespaces labelled {text} cannot be listed ({error}); `resilience rbac` prints the "
        "permissions of a scenario, including this one"
    )


def unread(namespace: str, error: ClusterError) -> str:
    """For a namespace whose labels this identity may not read."""
    return (
        f"cannot read whether namespace {namespace!r} consents ({error}); "
        "`resilience rbac`"
        " prints the permissions of a scenario, including this one"
    )


def unknown_host(host: str, error: ClusterError) -> str:
    """For a host that is written to, of which this identity may not see where it leads."""
    return (
        f"cannot tell whether {host!r} leads to a Service, a Pod or a node of this cluster, and in "
        f"which namespace ({error}); `resilience rbac` prints the permissions of a scenario, "
        "including this one; or name a Service (`service`, `namespace`)"
    )


def no_nodes(context: str, target: Target | None) -> str:
    """Nodes."""
    return (
        f"nothing allows acting on nodes of {context!r}, as cordon, drain, a manifest with "
        f"privileged Pods and requests to a node's own address do; set `nodes = true` in"
        f" {some(target)}"
    )


def not_listed(context: str, kinds: Sequence[str], target: Target | None) -> str:
    """For objects outside of namespaces."""
    listed = ", ".join(f'"{each}"' for each in kinds)
    return (
        f"nothing allows writing {', '.join(kinds)} of {context!r}, which are outside of "
        f"namespaces; set `cluster_scoped = [{listed}]` in {some(target)}"
    )


def unknown_cluster(context: str, error: ClusterError) -> str:
    """For a cluster whose uid cannot be read, since targets identify clusters by it."""
    return (
        f"the targets name clusters by the uid of namespace kube-system, which cannot be read in"
        f" {context!r} ({error}); allow `get` on that"
        " namespace (see `resilience rbac`)"
    )


def elsewhere(context: str, target: Target, uid: str) -> str:
    """For a context whose name is that of a target, but whose cluster is another one."""
    return (
        f"context {context!r} leads to a different cluster than target {target.name!r} describes: "
        "its "
        f"kube-system has uid {uid}, the target has {target.cluster}"
    )


def ambiguous(context: str, targets: Sequence[Target]) -> str:
    """For a cluster with several targets."""
    names = ", ".join(each.name for each in targets)
    contexts = ", ".join(repr(each.context) for each in targets)
    return (
        f"targets {names} all mean the cluster of context {context!r}, but none of them has this "
        f"context; use one of: {contexts}"
    )


def some(target: Target | None) -> str:
    """The name of the target's TOML table, or how to write one."""
    if target is not None:
        return target.written
    return f"a target ([targets.NAME] in {OWN})"


def _known(uid: Callable[[], str]) -> str:
    try:
        return uid()
    except ClusterError:
        return "UID: kubectl get namespace kube-system -o jsonpath={.metadata.uid}"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, names))}]"
