"""Values of pytest fixtures in a scenario: the file is read again once they are known.

At collection placeholders are used, because pytest calls fixtures only when a test runs. The values
are texts, never YAML, and are masked in all output, as values of the environment are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.harness import SESSION
from resilience.harness.naming import near
from resilience.language import load
from resilience.model.masks import MASKS
from resilience.model.scenario import Scenario

if TYPE_CHECKING:
    import pytest


class Unfit(Exception):
    """A value that the scenario cannot use; the text names the fixture, or the place."""


def scenario(
    path: Path, number: int, former: Scenario, values: Mapping[str, Any], config: pytest.Config
) -> Scenario:
    """The same scenario of its file, with these values; its id and its tags are those that pytest
    has selected it by."""
    session = config.stash[SESSION]
    texts = {name: _text(name, value) for name, value in values.items()}
    loaded = load(
        near(path, config.invocation_params.dir), None, session.catalogue, os.environ,
        namespace=session.settings.namespace, fixtures=texts,
    )  # fmt: skip
    if loaded.problems:
        raise Unfit("\n".join(map(str, loaded.problems)))
    found = loaded.scenarios[number]
    if (found.id, found.tags) != (former.id, former.tags):
        raise Unfit(
            f"{former.place}: a fixture's value is part of the scenario's id or tags, which pytest "
            "needs before it calls a fixture; use it elsewhere"
        )
    return found


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Path):
        kind = type(value).__name__
        raise Unfit(f"the fixture {name} returned a {kind}, expected a string, a number or a path")
    MASKS.take(name, str(value))
    return str(value)
