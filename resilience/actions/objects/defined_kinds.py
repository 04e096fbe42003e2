"""Kinds that the manifests of a scenario define: what no cluster knows before they are applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from resilience.actions.objects.apply import Apply
from resilience.actions.shared.manifests import Manifest, read
from resilience.model.place import Place
from resilience.verbs.context import ActionFailed

GROUP = "apiextensions.k8s.io"


def cluster_scoped(steps: Iterable[Any], directory: Path) -> Mapping[tuple[str, str], Place]:
    """Where a CustomResourceDefinition with scope Cluster is, by each (word, group) that means its
    kind; the group may be left out. `steps` are the parameters of steps. A file that cannot be read
    is reported by the step that applies it."""
    found: dict[tuple[str, str], Place] = {}
    for manifest in _manifests(steps, directory):
        spec = _definition(manifest)
        if spec.get("scope") != "Cluster":
            continue
        group = str(spec.get("group", ""))
        for word in _words(spec.get("names")):
            found |= {(word, group): manifest.place, (word, ""): manifest.place}
    return found


def _manifests(steps: Iterable[Any], directory: Path) -> Iterator[Manifest]:
    for each in steps:
        if isinstance(each, Apply):
            try:
                yield from read(directory / each.file)
            except ActionFailed:
                continue


def _definition(manifest: Manifest) -> Mapping[str, Any]:
    """The spec of a CustomResourceDefinition; empty for other objects."""
    group, spec = str(manifest.body["apiVersion"]).partition("/")[0], manifest.body.get("spec")
    defines = (group, manifest.body["kind"]) == (GROUP, "CustomResourceDefinition")
    return spec if defines and isinstance(spec, Mapping) else {}


def _words(names: Any) -> set[str]:
    """As `delete` understands them: a kind or its plural."""
    if not isinstance(names, Mapping):
        return set()
    return {str(names[key]).lower() for key in ("plural", "kind") if key in names}
