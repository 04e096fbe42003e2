"""Images of the manifests that scenarios apply, and which of them the sandbox does not have.

Known from the files alone, so that a Pod that can never start is reported before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from resilience.actions.shared.manifests import read
from resilience.cluster.access.embedded import unknown_images
from resilience.config.root import project_files
from resilience.engine.guard.permissions import every_step, placed
from resilience.model.scenario import Scenario
from resilience.verbs.context import ActionFailed

REMEDY = "map it under [tool.resilience.sandbox.images] (docs/how-to/own-image.md)"


def missing(scenarios: Iterable[Scenario], root: Path) -> Sequence[str]:
    """One line for each image that a sandbox of this project would not have, with where it is
    used. SandboxFailed if the project's own mapping cannot be read."""
    used: dict[str, str] = {}
    for scenario in scenarios:
        for where, image in _images(scenario):
            used.setdefault(image, where)
    unknown = unknown_images(list(used), project_files(root))
    return [f"{used[image]}: the sandbox has no image {image}; {REMEDY}" for image in unknown]


def _images(scenario: Scenario) -> Iterator[tuple[str, str]]:
    directory = Path(scenario.place.file).parent
    for step in every_step(scenario):
        if step.verb.name != "apply":
            continue
        try:
            manifests = read(placed(step.parameters, directory).file)
        except ActionFailed:
            continue  # the step itself reports an unreadable file
        for manifest in manifests:
            for image in _in(manifest.body):
                yield f"{manifest.place} {manifest.title}", image


def _in(value: Any) -> Iterator[str]:
    """Images of containers anywhere in an object: every kind keeps them in lists of this name."""
    if isinstance(value, list):
        for each in value:
            yield from _in(each)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key in ("containers", "initContainers") and isinstance(inner, list):
            for container in inner:
                image = container.get("image") if isinstance(container, dict) else None
                if isinstance(image, str):
                    yield image
        yield from _in(inner)
