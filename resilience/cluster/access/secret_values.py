"""Values of Secrets on a cluster: read here alone, and masked from then on, wherever text is shown.

A password, a token or a key that a scenario or plan refers to is fetched where it is needed and
kept nowhere. What is returned may be used; no error, report, journal or log shows it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import SECRETS, Cluster
from resilience.model.masks import MASKS


class NoSecretValue(ClusterError):
    """It cannot be read, has no such key, or the value is not base64."""


@dataclass(frozen=True, slots=True)
class SecretValues:
    """One Secret, as it was read."""

    namespace: str
    name: str
    _data: Mapping[str, str] = field(repr=False)

    @property
    def keys(self) -> Sequence[str]:
        """Sorted."""
        return sorted(self._data)

    def value(self, key: str, *, public: bool = False) -> bytes:
        """The value of a key, masked from here on unless it is `public`; NoSecretValue."""
        if key not in self._data:
            known = ", ".join(self.keys) or "nothing"
            raise NoSecretValue(
                f"Secret {self.namespace}/{self.name} has no key {key!r}; it has: {known}"
            )
        try:
            found = base64.b64decode(self._data[key])
        except ValueError as error:
            raise NoSecretValue(
                f"Secret {self.namespace}/{self.name}, key {key!r}, holds no base64"
            ) from error
        if not public:
            MASKS.take(named(self.namespace, self.name, key), found.decode("utf-8", "replace"))
        return found


def secret_values(cluster: Cluster, namespace: str, name: str) -> SecretValues:
    """The Secret; NoSecretValue."""
    try:
        found = cluster.get(SECRETS, name, namespace)
    except ClusterError as error:
        raise NoSecretValue(f"Secret {namespace}/{name}: {error}") from error
    return SecretValues(namespace, name, found.get("data") or {})


def named(namespace: str, name: str, key: str) -> str:
    """The name of a Secret's value among the masked values, in place of a variable's name. No
    variable has that name, so a record that refers to it is refused."""
    return re.sub(r"\W", "_", f"secret_{namespace}_{name}_{key}")
