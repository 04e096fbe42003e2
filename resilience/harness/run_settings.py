"""The settings of a pytest run.

They are resolved at the start if anything is set, so that a wrong value ends the run there, and on
first use if nothing is: a run that has nothing to do with this plugin does not pay for them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resilience.config.options import Option
from resilience.config.root import project_root
from resilience.config.settings import BadSetting, Settings, resolve
from resilience.harness import SETTINGS


def settings(config: pytest.Config) -> Settings:
    """The settings of this run. BadSetting names the source and the value."""
    found = config.stash.get(SETTINGS, None)
    if found is None:
        found = config.stash[SETTINGS] = _resolved(config)
    return found


def check(config: pytest.Config) -> None:
    """UsageError of one line for an invalid setting."""
    try:
        if settings(config).is_fleet:
            from resilience.config import fleet

            fleet.members(settings(config))
    except BadSetting as error:
        raise pytest.UsageError(str(error)) from None


def _resolved(config: pytest.Config) -> Settings:
    def cli(option: Option) -> Any:
        return config.getoption(option.key)

    def ini(option: Option) -> Any:
        try:
            return config.getini(option.key)
        except (pytest.UsageError, TypeError, ValueError) as error:
            raise BadSetting(f"{option.key} in the ini file: {error}") from None

    return resolve(root=_root(config), cli=cli, ini=ini)


def _root(config: pytest.Config) -> Path:
    """pytest's own root if it was given or configured. Otherwise pytest uses the common parent of
    all paths on the command line, and a kubeconfig is one of those."""
    if config.inipath is not None or config.getoption("rootdir", None):
        return config.rootpath
    return project_root(config.invocation_params.dir)
