"""`resilience schema scenario|plan`: the JSON Schema that editors complete and check by."""

from __future__ import annotations

import json
from typing import Literal


def show(kind: Literal["scenario", "plan"]) -> int:
    """Print it."""
    print(schema_text(kind), end="")
    return 0


def schema_text(kind: Literal["scenario", "plan"]) -> str:
    """The schema with all verbs of this environment."""
    from resilience.language.schema.schema import schema
    from resilience.verbs.catalogue import catalogue

    return json.dumps(schema(kind, catalogue()), indent=2) + "\n"
