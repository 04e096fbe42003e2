"""`resilience schema scenario|plan`: the JSON Schema that editors use for completion and checks."""

from __future__ import annotations

import json
from typing import Any, Literal

from resilience.commands.outputs import rendered
from resilience.commands.saying import say


def show(kind: Literal["scenario", "plan"], form: str = "json") -> int:
    """Print it."""
    say(schema_text(kind).rstrip("\n") if form == "json" else rendered(_schema(kind), form))
    return 0


def schema_text(kind: Literal["scenario", "plan"]) -> str:
    """The schema with all verbs of this environment, as files keep it."""
    return json.dumps(_schema(kind), indent=2) + "\n"


def _schema(kind: Literal["scenario", "plan"]) -> dict[str, Any]:
    from resilience.language.schema.schema import schema
    from resilience.verbs.catalogue import catalogue

    found: dict[str, Any] = schema(kind, catalogue())
    return found
