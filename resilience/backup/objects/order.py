"""The order of a restore: objects that others need come first. Pure.

A wave is created completely before the next begins. Policies, limits and permissions come before
workloads, so that nothing runs unguarded; quotas come after them, because workloads that ran within
their quota must not be refused halfway; admission webhooks and API services come last, when their
servers exist. Velero's order (pkg/cmd/server/config/config.go) is the model; Pods come before their
controllers there, so that those adopt them, while here a controller recreates its own objects (see
`rules.regrown`).
"""

from __future__ import annotations

from collections.abc import Iterable

_WAVES: tuple[frozenset[str], ...] = tuple(
    map(
        frozenset,
        (
            ("customresourcedefinitions.apiextensions.k8s.io",),
            ("namespaces",),
            (
                "storageclasses.storage.k8s.io",
                "priorityclasses.scheduling.k8s.io",
                "runtimeclasses.node.k8s.io",
                "ingressclasses.networking.k8s.io",
                "volumesnapshotclasses.snapshot.storage.k8s.io",
                "volumeattributesclasses.storage.k8s.io",
                "csidrivers.storage.k8s.io",
                "deviceclasses.resource.k8s.io",
                "servicecidrs.networking.k8s.io",
                "clusterroles.rbac.authorization.k8s.io",
            ),
            (
                "persistentvolumes",
                "serviceaccounts",
                "networkpolicies.networking.k8s.io",
                "limitranges",
                "ipaddresses.networking.k8s.io",
            ),
            (
                "persistentvolumeclaims",
                "secrets",
                "configmaps",
                "roles.rbac.authorization.k8s.io",
                "clusterrolebindings.rbac.authorization.k8s.io",
                "poddisruptionbudgets.policy",
                "rolebindings.rbac.authorization.k8s.io",
            ),
            ("endpoints", "endpointslices.discovery.k8s.io", "services"),
            (
                "resourceclaims.resource.k8s.io",
                "resourceclaimtemplates.resource.k8s.io",
            ),
            ("pods", "replicasets.apps", "replicationcontrollers", "controllerrevisions.apps"),
            ("deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch"),
        ),
    )
)
_OTHERS = len(_WAVES)
_LAST: tuple[frozenset[str], ...] = tuple(
    map(
        frozenset,
        (
            (
                "cronjobs.batch",
                "resourcequotas",
                "horizontalpodautoscalers.autoscaling",
                "ingresses.networking.k8s.io",
            ),
            (
                "apiservices.apiregistration.k8s.io",
                "validatingwebhookconfigurations.admissionregistration.k8s.io",
                "mutatingwebhookconfigurations.admissionregistration.k8s.io",
                "validatingadmissionpolicies.admissionregistration.k8s.io",
                "validatingadmissionpolicybindings.admissionregistration.k8s.io",
                "mutatingadmissionpolicies.admissionregistration.k8s.io",
                "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
            ),
        ),
    )
)

_WAVE_OF = {kind: wave for wave, kinds in enumerate(_WAVES) for kind in kinds} | {
    kind: _OTHERS + 1 + wave for wave, kinds in enumerate(_LAST) for kind in kinds
}

NAMESPACES = _WAVE_OF["namespaces"]
"""The last wave of objects that contain or define others."""

CLAIMS = _WAVE_OF["persistentvolumeclaims"]
"""The wave after which volumes can be filled: claims exist, and no Pod mounts them yet."""

WORKLOADS = _WAVE_OF["pods"]
"""The first wave in which something runs; policies, permissions and configuration exist by then."""

WAVES = _OTHERS + 1 + len(_LAST)
"""How many waves there are."""


def wave(kind: str) -> int:
    """The wave of a kind such as `deployments.apps`, 0 for the first. Custom resources come between
    the workloads and what acts on them."""
    return _WAVE_OF.get(kind, _OTHERS)


def in_order(kinds: Iterable[str]) -> list[str]:
    """Sort kinds by wave, then by name."""
    return sorted(kinds, key=lambda kind: (wave(kind), kind))
