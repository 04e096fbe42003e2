"""Names under which Services and Pods are known inside of a cluster, and the namespace in each.

Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/. Pure.
"""

from __future__ import annotations


def namespace_in(host: str) -> str:
    """The namespace in `NAME.NAMESPACE.svc`, `POD.NAME.NAMESPACE.svc.cluster.local` and the like;
    "" for any other host. Names that only a search list completes (`NAME.NAMESPACE`) and addresses
    do not identify a namespace: they could also be outside of the cluster."""
    labels = host.lower().rstrip(".").split(".")
    for at in range(2, len(labels)):
        if labels[at] in ("svc", "pod") and labels[at + 1 :][-1:] in ([], ["local"]):
            return labels[at - 1]
    return ""
