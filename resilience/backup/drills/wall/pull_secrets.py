"""Creates the pull secrets of recorded workloads in the scratch namespace before anything else.

The first canary runs while the namespace is empty. If its image is in a private registry, it can
only start with a login from the snapshot. The copies get names of this project, so that the
recorded Secrets can be created and compared like everything else. They are deleted with the
namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from resilience.backup.drills.wall.canary_guises import pods
from resilience.backup.objects.kind_identity import identity
from resilience.cluster import helper_pods
from resilience.cluster.errors import Conflict
from resilience.cluster.interface import SECRETS, Cluster, Object

NAME = "resilience-pull"
_LOGINS = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")


def pull_secrets(objects: Iterable[Object]) -> list[Object]:
    """The logins among these objects that Pods, Pod templates or ServiceAccounts of the same
    namespace name; sorted by name. Secrets that they name but the snapshot lacks are left out."""
    named, logins = set[tuple[str, str]](), dict[tuple[str, str], Object]()
    for obj in objects:
        where = obj["metadata"].get("namespace", "")
        named.update((where, name) for name in _named(obj))
        if identity(obj) == "Secret" and obj.get("type") in _LOGINS:
            logins[where, obj["metadata"]["name"]] = obj
    return [logins[each] for each in sorted(named & logins.keys())]


def _named(obj: Object) -> Iterator[str]:
    if identity(obj) == "ServiceAccount":
        yield from _names(obj.get("imagePullSecrets"))
    for pod in pods(obj):
        yield from _names((pod.get("spec") or {}).get("imagePullSecrets"))


def _names(references: object) -> Iterator[str]:
    for each in references if isinstance(references, list) else ():
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            yield each["name"]


def copied(cluster: Cluster, namespace: str, secrets: Sequence[Object]) -> tuple[Object, ...]:
    """Create the copies; returns the references that a Pod's `imagePullSecrets` takes."""
    names = []
    for number, secret in enumerate(secrets):
        names.append(f"{NAME}-{number}")
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": names[-1],
                "namespace": namespace,
                "labels": helper_pods.marks("pull-secret"),
            },
            "type": secret["type"],
            "data": secret.get("data") or {},
        }
        with suppress(Conflict):  # it was created, but the answer was lost
            cluster.create(SECRETS, body, namespace)
    return tuple({"name": name} for name in names)
