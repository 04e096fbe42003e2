"""The options that set a setting, under their short names."""

from __future__ import annotations

import argparse
from collections.abc import Collection

from resilience.config.options import OPTIONS


def add_settings(
    command: argparse.ArgumentParser, names: set[str], taken: Collection[str] = ()
) -> None:
    """Options of `settings` under their short names. `taken` are flags that mean something else
    there."""
    for option in OPTIONS:
        if option.name not in names:
            continue
        text = option.help if "fleet" in names else option.of_one or option.help
        flags = ["--" + option.name.replace("_", "-")]
        if option.name == "namespace" and "-n" not in taken:
            flags.insert(0, "-n")
        if option.flag:
            command.add_argument(*flags, dest=option.key, action="store_true", help=text)
        else:
            command.add_argument(
                *flags,
                dest=option.key,
                metavar=option.metavar,
                help=text,
                action="append" if option.many else "store",
            )
