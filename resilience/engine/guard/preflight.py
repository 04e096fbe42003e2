"""Before any change, checks that the API server allows every request of the scenario.

Each permission is checked once with a SelfSubjectAccessReview, several at a time. A missing one
refuses the run and prints the roles to apply; an API server that cannot answer refuses it as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from resilience.cluster.errors import ApiError, Forbidden, Invalid, NotFound
from resilience.cluster.interface import NAMESPACES, PODS, Cluster, Object
from resilience.cluster.permit import namespace_kinds
from resilience.cluster.permit.selected_namespaces import selected
from resilience.cluster.requests.request import Request
from resilience.engine.guard import rbac
from resilience.engine.guard.permissions import RUN, Need, every_step, merged, needed
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.scenario import Scenario, Step, flattened
from resilience.model.verb import Right
from resilience.verbs.context import Refused

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
AT_ONCE = 8
"""Number of concurrent reviews; an API server answers one in about a millisecond."""


def ask(cluster: Cluster, scenario: Scenario, namespace: str, journal: str) -> None:
    """Return if nothing prevents `scenario` from running in `namespace`, else raise Refused."""
    for step in every_step(scenario):
        if not step.optional:
            step.verb.possible(step.parameters, cluster)
    creates = any(step.verb.name == "apply" for step in flattened(scenario.given))
    # A plan's drill acts in namespaces that it makes: the one that was backed up may be gone, or on
    # another cluster.
    own = bool(scenario.given or scenario.probes or scenario.when)
    more = absent(cluster, namespace, creates) if own else ()
    require(cluster, [*placed_in(cluster, needed(scenario, namespace, journal)), *more])
    for step in every_step(scenario):
        if not step.optional:
            for pod in step.verb.helpers(step.parameters, namespace, cluster):
                _admitted(cluster, pod, step)


def _admitted(cluster: Cluster, pod: Object, step: Step) -> None:
    """Raise Refused if the API server does not admit a helper Pod, because of PodSecurity, a quota,
    a limit range or a webhook. A namespace that the run itself creates cannot be checked yet."""
    where = objects.namespace(pod)
    try:
        cluster.create(PODS, pod, where, dry_run=True)
    except (Forbidden, Invalid) as error:
        raise Refused(
            f"`{step.title}` needs a helper Pod in namespace {where}, which does not admit it: "
            f"{error.message}{_what_else(pod)}"
        ) from error
    except ApiError:  # for instance, a webhook without support for dry runs: the answer is unknown
        return


def _what_else(pod: Object) -> str:
    """What to do about a helper that only the PodSecurity level `privileged` admits."""
    [container] = pod["spec"]["containers"]
    security = container.get("securityContext") or {}
    if security.get("privileged"):
        return (
            ". This helper accesses its node, so only PodSecurity level `privileged` admits it; use"
            " a verb that needs none (`kill`, `evict`, `drain`), or run this scenario on the"
            " sandbox"
        )
    if "SYS_NICE" in ((security.get("capabilities") or {}).get("add") or ()):
        return (
            ". Its target says `real_time_prober = true`, so only PodSecurity level `privileged`"
            " admits this prober; remove that line for a prober that every level admits"
        )
    return ""


def placed_in(cluster: Cluster, needs: Sequence[Need]) -> Sequence[Need]:
    """The same permissions, but one for each namespace where the original selects namespaces by
    label."""
    texts = {need.right.selected for need in needs} - {""}
    try:
        names = {text: _names(cluster, text) for text in texts}
    except Forbidden:  # listing namespaces is one of the permissions that are checked below
        names = {}
    found = [
        (right, why) for need in needs for right in _each(need.right, names) for why in need.why
    ]
    return merged(found)


def _each(right: Right, names: Mapping[str, Sequence[str]]) -> Sequence[Right]:
    if not right.selected:
        return [right]
    return [replace(right, selected="", namespace=name) for name in names.get(right.selected, ())]


def _names(cluster: Cluster, text: str) -> list[str]:
    return [objects.name(each) for each in selected(cluster, Selector.parse(text))]


def require(cluster: Cluster, needs: Sequence[Need]) -> None:
    """Return when all are allowed, else raise Refused with what to apply."""
    lacking = missing(cluster, needs)
    if lacking:
        raise Refused(explained(lacking, cluster))


def missing(cluster: Cluster, needs: Sequence[Need]) -> list[Need]:
    """The permissions that are missing; optional ones are not checked."""
    asked = [need for need in needs if not need.right.optional]
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            allowed = list(pool.map(lambda need: is_allowed(cluster, need.right), asked))
    except ApiError as error:
        raise Refused(f"the API server does not report permissions: {error}") from error
    return [need for need, yes in zip(asked, allowed, strict=True) if not yes]


def is_allowed(cluster: Cluster, right: Right) -> bool:
    """One review."""
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "namespace": right.namespace,
        "name": right.name,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: each for key, each in attributes.items() if each}},
    }
    answer = cluster.send(Request("POST", REVIEWS, body=body))
    return bool((answer.get("status") or {}).get("allowed"))


def absent(cluster: Cluster, namespace: str, creates: bool) -> Sequence[Need]:
    """What to check if the namespace does not exist: `apply` creates it, and undoes that. Raise
    Refused if nothing in the scenario would create it."""
    try:
        if objects.is_terminating(cluster.get(NAMESPACES, namespace)):
            raise Refused(
                f"namespace {namespace} of {cluster.context!r} is being deleted, so nothing can be"
                f" created in it; wait until it is gone (kubectl get namespace {namespace} -o"
                " yaml shows what delays it), or use another"
            )
    except NotFound:
        if not creates:
            raise Refused(
                f"namespace {namespace} does not exist in {cluster.context!r}, and nothing under "
                f"`given:` creates it; create it: kubectl create namespace {namespace}"
            ) from None
        found = [Right(verb=verb, group="", resource="namespaces")
                 for verb in ("get", "create", "delete")]  # fmt: skip
        found += namespace_kinds.rights(namespace)
        return merged((right, f"namespace {namespace} does not exist yet") for right in found)
    except ApiError:
        return ()  # no permission to read it; that permission is checked separately
    return ()


def whoami(cluster: Cluster) -> str:
    """This identity's name in the API server."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    status = cluster.send(Request("POST", WHO, body=body)).get("status") or {}
    return str((status.get("userInfo") or {}).get("username", ""))


def explained(lacking: Sequence[Need], cluster: Cluster) -> str:
    """Which permissions, for which steps, and the roles that grant exactly these."""
    who = whoami(cluster)
    lines = [
        f"{who} lacks {len(lacking)} permission{'s' * (len(lacking) != 1)} in {cluster.context!r}:",
        *(f"  {phrase(need.right)}: for {_who_needs(need)}" for need in lacking),
        "to grant them, an administrator pipes this to `kubectl apply -f -`:",
        rbac.text(rbac.manifests(lacking, rbac.Subject.of(who), "-more")),
    ]
    return "\n".join(lines)


def _who_needs(need: Need) -> str:
    first = need.why[0] if need.why[0] == RUN else f"`{need.why[0]}`"
    more = len(need.why) - 1
    return first + (f" and {more} more" if more else "")


def phrase(right: Right) -> str:
    """`create pods/eviction in namespace shop`."""
    group = f".{right.group}" if right.group else ""
    name = f" {right.name}" if right.name else ""
    where = f" in namespace {right.namespace}" if right.namespace else " in all namespaces"
    if right.resource.partition("/")[0] in ("nodes", "namespaces"):
        where = ""
    return f"{right.verb} {right.resource}{group}{name}{where}"
