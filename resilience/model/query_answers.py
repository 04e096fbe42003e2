"""What an answer of Prometheus' HTTP API says about itself.

An answer may be a success and still lack data: Thanos leaves out stores that do not answer, and
Prometheus a remote storage. Both say so only under `warnings`. Notes under `infos` concern the
query's style. See https://prometheus.io/docs/prometheus/latest/querying/api/ ("Format overview").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.model.masks import excerpt

SHOWN = 160
"""Characters of a warning that are quoted."""


def warning(answer: Mapping[str, Any]) -> str:
    """Why the data may be incomplete or wrong, in the server's words; "" without a warning."""
    found = answer.get("warnings")
    first = found[0] if isinstance(found, list) and found else found
    return excerpt(str(first), SHOWN) if first else ""
