"""Every subcommand of the sandbox's agnhost has the program that its table names."""

from __future__ import annotations

from importlib import import_module

import pytest

from resilience.sandbox.images.agnhost import agnhost_main


@pytest.mark.parametrize("name", sorted(agnhost_main.SUBCOMMANDS))
def test_a_subcommand_has_a_program(name: str) -> None:
    module = import_module(f"{agnhost_main.__package__}.{agnhost_main.SUBCOMMANDS[name]}")
    assert callable(getattr(module, name.replace("-", "_")))
