"""Which store an option refers to: a URL, a plan file, a name from resilience.toml, or the
environment.

`--store` accepts, in this order: `s3://...` or `file:...`; the path of a plan file, for that plan's
store; a name under `[stores]` in resilience.toml (`[tool.resilience.stores]` in pyproject.toml).
Without the option, RESILIENCE_STORE is read in the same way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from resilience.backup.format.errors import BadRequest
from resilience.config.root import project_root
from resilience.config.targets import BadTarget, tables
from resilience.model.nearest import did_you_mean
from resilience.model.store_urls import FORMS, is_store_url

VARIABLE = "RESILIENCE_STORE"


def located(text: str | None, *, required: bool) -> str:
    """The URL; "" if none is named and none is required."""
    named = text or os.environ.get(VARIABLE, "")
    if not named:
        if required:
            raise BadRequest(
                "no store is named; use --store URL, --store PLAN or --store NAME, or set"
                f" {VARIABLE}"
            )
        return ""
    if is_store_url(named):
        return named
    if "://" in named:
        raise BadRequest(f"store {named!r}: expected {FORMS}")
    if Path(named).suffix in (".yaml", ".yml"):
        return _of_plan(named)
    return _from_settings(named)


def _of_plan(path: str) -> str:
    from resilience.commands.backup_means import plan_in

    plan = plan_in(path)
    if not plan.store.startswith("file:"):
        return plan.store
    directory = Path(path).absolute().parent / plan.store.removeprefix("file:")
    return f"file:{os.path.normpath(directory)}"


def _from_settings(name: str) -> str:
    known = stores(project_root(Path.cwd()))
    if name in known:
        return known[name]
    meant = did_you_mean(name, known)
    if "/" in name or Path(name).is_dir():
        meant = f"; a directory is written as file:{name}"
    names = ", ".join(sorted(known)) or "none"
    raise BadRequest(
        f"store {name!r} is neither a URL nor a plan file, and resilience.toml has no [stores]"
        f" {name}; it has: {names}{meant}"
    )


def stores(root: Path) -> Mapping[str, str]:
    """Name to URL. A relative directory is resolved against the project's root."""
    found: dict[str, str] = {}
    for path, table in tables(root, "stores"):
        for name, url in table.items():
            if not isinstance(url, str) or not is_store_url(url):
                raise BadTarget(f"{path}: store {name!r} is {url!r}; expected {FORMS}")
            found[name] = _from_root(url, root)
    return found


def _from_root(url: str, root: Path) -> str:
    if not url.startswith("file:"):
        return url
    return f"file:{os.path.normpath(root / url.removeprefix('file:'))}"
