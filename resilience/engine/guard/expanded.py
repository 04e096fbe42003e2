"""What a reach means in one cluster: the namespaces behind patterns, labels and hosts."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import NAMESPACES, Cluster
from resilience.cluster.permit.selected_namespaces import is_meant, selected
from resilience.engine.guard import consent_words as words
from resilience.engine.guard.behind_hosts import Network
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.step_reach import LEADING, Reach, union
from resilience.verbs.context import Refused

_PATTERN = set("*?[")


def expanded(cluster: Cluster, reach: Reach) -> Reach:
    """The same with the names of namespaces instead of patterns, labels and hosts, as they are in
    this cluster now. Refused where that cannot be known.
    """
    if reach.hosts:
        network = Network(cluster, [each for each in reach.objects if each["kind"] in LEADING])
        behind = union(network.reached(each) for each in sorted(reach.hosts))
        reach = replace(reach, hosts=frozenset()) | behind
    if reach.selected:
        more = frozenset(name for text in reach.selected for name in _meant(cluster, text, reach))
        reach = replace(reach, selected=frozenset(), namespaces=reach.namespaces | more)
    patterns = [name for name in reach.namespaces if _PATTERN & set(name)]
    if not patterns:
        return reach
    there = [objects.name(each) for each in cluster.list(NAMESPACES)]
    fitting = {name for name in there if any(fnmatchcase(name, each) for each in patterns)}
    return replace(reach, namespaces=frozenset(fitting | (reach.namespaces - set(patterns))))


def _meant(cluster: Cluster, text: str, reach: Reach) -> list[str]:
    """The namespaces with these labels, in the cluster or in a manifest of the run."""
    selector = Selector.parse(text)
    try:
        there = selected(cluster, selector)
    except Forbidden as error:
        raise Refused(words.cannot_select(text, error)) from error
    made = [body for body in reach.objects
            if body["kind"] == "Namespace" and is_meant(body, selector)]  # fmt: skip
    return [objects.name(each) for each in (*there, *made)]
