"""`resilience schema`: the JSON Schema (draft-07) with which editors complete and check
scenarios.
"""

from __future__ import annotations

import json
from typing import Literal


def show(kind: Literal["scenario", "plan"]) -> int:
    """Print it."""
    from resilience.language.schema.schema import schema
    from resilience.verbs.catalogue import catalogue

    print(json.dumps(schema(kind, catalogue()), indent=2))
    return 0
