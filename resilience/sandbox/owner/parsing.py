"""The sandbox's argument parser: examples in each --help, and the nearest word on a mistake.

The sandbox imports nothing of the product, so this is the small counterpart of
`resilience.commands.parsing`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

EXAMPLES: dict[str, tuple[str, ...]] = {
    "up": ("--nodes 3", "--detach --ttl 8h --kubeconfig kc"),
    "down": ("--all", "--kubeconfig kc"),
    "status": ("", "-o json"),
    "images": ("", "registry.example.com/shop:1.2"),
    "fault crash": ("shop/checkout-0",),
    "fault freeze": ("shop/checkout-0 --container web",),
    "fault thaw": ("shop/checkout-0",),
    "fault node": ("node-2 dead", "node-2 running"),
    "fault apiserver": ("error --code 503 --times 10", "clear"),
}
"""Command to example arguments; a test runs each through the parser."""

SYNONYMS = {
    "create": "up",
    "delete": "down",
    "get": "status",
    "list": "status",
    "ls": "status",
    "ps": "status",
    "rm": "down",
    "start": "up",
    "stop": "down",
}
"""Words of kind, k3d and minikube, and the command that does the same here."""

PROGRAM = "resilience sandbox"
_CHOICE = re.compile(r"argument (\S+): invalid choice: '?([^' ]+)'? \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """argparse's parser with examples and suggestions."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(*arguments, **options)

    @property
    def command(self) -> str:
        """The words typed after `resilience sandbox`."""
        return self.prog.removeprefix(PROGRAM).strip()

    def format_help(self) -> str:
        given = EXAMPLES.get(self.command, ())
        lines = "".join(f"  {f'{self.prog} {example}'.rstrip()}\n" for example in given)
        shown = super().format_help()
        return f"{shown}\nexamples:\n{lines}" if lines else shown

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        typed = list(sys.argv[1:] if args is None else args)
        found, rest = super().parse_known_args(typed, namespace)
        if rest:
            self.error(f"unknown argument {rest[0]!r}{_nearest(rest[0], self._flags())}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Exit code 2, one line with the nearest word."""
        if wrong := _CHOICE.search(message):
            known = re.findall(r"[\w-]+", wrong[3])
            what = "command " if wrong[1] == "COMMAND" else f"value of {wrong[1]} "
            meant = SYNONYMS.get(wrong[2], wrong[2])
            near = f"; did you mean `{meant}`?" if meant in known else _nearest(meant, known)
            message = f"unknown {what}{wrong[2]!r}; expected {', '.join(known)}{near}"
        self.exit(2, f"error: {message}; see `{self.prog} --help`\n")

    def _flags(self) -> Iterator[str]:
        for action in self._actions:
            yield from action.option_strings


def _nearest(word: str, known: Sequence[str] | Iterator[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word.partition("=")[0], list(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
