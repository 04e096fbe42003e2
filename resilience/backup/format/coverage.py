"""Which kinds a snapshot could read, one value per kind, and the rule that decides whether that is
enough.

Velero leaves out an API group whose discovery fails and ends `Completed`; here a kind that could
not be listed fails the snapshot, unless it is accepted by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

LISTED = "listed"
FORBIDDEN = "forbidden"
UNDISCOVERABLE = "undiscoverable"
FAILED = "failed"
EXCLUDED = "excluded"

MISSING = (FORBIDDEN, UNDISCOVERABLE, FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What happened to one kind in one namespace ("" for all of them or none).

    `kind` is `deployments.apps`, or a group/version such as `metrics.k8s.io/v1beta1` if not even
    its kinds are known. `rule` names what excluded it; `detail` is the server's answer. `changed`
    names objects that were written while the snapshot was being taken.
    """

    kind: str
    status: str
    namespace: str = ""
    objects: int = 0
    version: str = ""
    listed_at: str = ""
    rule: str = ""
    detail: str = ""
    relisted: bool = False
    changed: Sequence[str] = ()

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.kind}{where}: {self.status} ({self.detail or self.rule})"


def unaccepted(coverage: Iterable[Coverage], accepted: Iterable[str]) -> list[Coverage]:
    """What is missing and was not accepted; `accepted` are kinds or group/versions, with globs."""
    patterns = tuple(accepted)
    return [
        each
        for each in coverage
        if each.status in MISSING and not any(fnmatchcase(each.kind, p) for p in patterns)
    ]
