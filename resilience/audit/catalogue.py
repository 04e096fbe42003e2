"""Which rules exist: ours by the folders of `rules`, third parties' by entry point.

    [project.entry-points."resilience.audit_rules"]
    no-owner-mail = "my_package.rules:NO_OWNER_MAIL"

A third party's rule that cannot be loaded, or whose id is taken, is reported and left out.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from resilience.audit import rules
from resilience.audit.base.rule import Rule

GROUP = "resilience.audit_rules"


def builtin() -> Sequence[Rule]:
    """Ours, sorted by id."""
    modules = pkgutil.walk_packages(rules.__path__, f"{rules.__name__}.")
    found = [import_module(each.name).RULE for each in modules if not each.ispkg]
    return sorted(found, key=lambda rule: rule.id)


def _installed() -> Iterable[EntryPoint]:
    return entry_points(group=GROUP)


def catalogue(
    installed: Callable[[], Iterable[EntryPoint]] = _installed,
) -> tuple[Sequence[Rule], Sequence[str]]:
    """(all rules sorted by id, messages about invalid rules of other packages)."""
    found = {rule.id: rule for rule in builtin()}
    wrong: list[str] = []
    for point in sorted(installed(), key=lambda each: (each.name, each.value)):
        loaded = _third_party(point)
        if isinstance(loaded, str):
            wrong.append(loaded)
        elif loaded.id in found:
            wrong.append(f"the rule {loaded.id!r} of {point.value} has the id of another rule")
        else:
            found[loaded.id] = loaded
    return [found[each] for each in sorted(found)], wrong


def _third_party(point: EntryPoint) -> Rule | str:
    try:
        rule = point.load()
    except Exception as error:  # noqa: BLE001 - code of others may raise anything at import
        text = str(error).partition("\n")[0]
        return f"the rule {point.value} fails with {type(error).__name__}: {text}"
    if not isinstance(rule, Rule):
        return f"{point.value} is not a Rule"
    return rule
