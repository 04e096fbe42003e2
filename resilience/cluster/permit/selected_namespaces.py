"""The namespaces that a selector means, now: those with such labels that are not being deleted.

A selector never selects system namespaces, regardless of their labels: naming them in a target is
the only way to act there.
"""

from __future__ import annotations

from resilience.cluster.interface import NAMESPACES, Cluster, Object
from resilience.cluster.permit.consent_keys import PROTECTED
from resilience.kube import objects
from resilience.kube.selectors import Selector


def selected(cluster: Cluster, selector: Selector) -> list[Object]:
    """Namespace objects by name; [] when none has these labels."""
    return [
        each
        for each in objects.in_order(cluster.list(NAMESPACES))
        if is_meant(each, selector) and not objects.is_terminating(each)
    ]


def is_meant(namespace: Object, selector: Selector) -> bool:
    """Whether a selector means this Namespace, of the cluster or of a manifest."""
    labels = {"kubernetes.io/metadata.name": objects.name(namespace), **objects.labels(namespace)}
    return objects.name(namespace) not in PROTECTED and selector.matches(labels)
