"""ClusterRoles that consist of others.

The rules of a role with an `aggregationRule` are those of the roles that it selects by labels. A
restore without these would lose them: the controller writes the rules again from what is there
(pkg/controller/clusterroleaggregation). Default roles exist on every cluster.
"""

from __future__ import annotations

from collections.abc import Iterator

from resilience.cluster.interface import Cluster, Object, Resource
from resilience.kube.label_selector import matches

_DEFAULT = "kubernetes.io/bootstrapping"


def is_default(role: Object) -> bool:
    """Whether the API server itself creates the role or binding."""
    return _DEFAULT in (role["metadata"].get("labels") or {})


def parts(cluster: Cluster, resource: Resource, role: Object) -> Iterator[str]:
    """The names of the roles that an aggregated one selects. Lists nothing for any other."""
    selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
    for each in cluster.list(resource) if selectors else ():
        labels = each["metadata"].get("labels") or {}
        if any(matches(selector, labels) for selector in selectors):
            yield each["metadata"]["name"]
