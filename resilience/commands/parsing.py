"""The argument parser of all commands: examples in every --help, and the nearest word on a mistake.

argparse does the parsing. This adds what users of kubectl and Velero expect: `-h` shows examples;
the error for a misspelt command or option names the closest one and points to the help of the
command in use.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from resilience.model.nearest import asked, did_you_mean, nearest

EXAMPLES = {
    "run": ("scenarios/", "scenarios/ --context staging --dry-run", "scenarios/ -k rolling"),
    "recover": ("", "--context staging"),
    "doctor": ("", "scenarios/ backups/ --context staging"),
    "watch": (
        "scenarios/ --context staging --every 1h --jitter 20m",
        "every-day.scenario.yaml --context in-cluster --every 1d --window '* 9-16 * * mon-fri'",
    ),
    "history": ("reports/", "s3://reports/staging --out history"),
    "convert": ("chaosengine.yaml", "krkn/pod.yml experiment.json --out scenarios"),
    "rbac": ("scenarios/ --service-account ci:resilience | kubectl apply -f -",),
    "completion": (
        "bash > ~/.local/share/bash-completion/completions/resilience",
        "fish > ~/.config/fish/completions/resilience.fish",
    ),
    "audit": (
        "-n shop",
        "-A --fail-on warning -o sarif --out audit.sarif",
        "manifests/ --baseline known.yaml",
    ),
    "init": (
        "",
        "mine",
        "--from-namespace shop --context staging",
        "--from-manifests manifests/",
        "ci --gitlab",
        "target --context staging --namespace shop",
    ),
    "schema": ("scenario > scenario.schema.json",),
    "ledger serve": ("--data ./ledger", "--data ./ledger --wrong no-fsync"),
    "backup create": (
        "backups/shop.plan.yaml --context staging",
        "--namespace shop --store file:./store --context staging",
    ),
    "backup list": (
        "--store s3://backups/staging",
        "--store backups/shop.plan.yaml -n shop -o wide",
    ),
    "backup show": ("shop-20260301020000 --store s3://backups/staging",),
    "backup verify": (
        "latest --store backups/shop.plan.yaml",
        "shop-20260301020000 --store s3://backups/staging",
    ),
    "backup diff": (
        "shop-20260301020000 shop-20260302020000 --store s3://backups/staging",
        "shop-20260301020000 --store s3://backups/staging --context staging",
        "2026-03-01 2026-03-08 --store backups/shop.plan.yaml -n shop",
    ),
    "backup prune": ("backups/shop.plan.yaml --dry-run",),
    "backup undelete": ("shop-20260301020000 --store s3://backups/staging",),
    "backup delete": ("shop-20260301020000 --store s3://backups/staging --dry-run",),
    "backup due": ("backups/shop.plan.yaml",),
    "backup run": ("backups/*.plan.yaml --context in-cluster",),
    "backup copy": ("shop-20260301020000 --store s3://backups/staging --to s3://offsite/staging",),
    "restore": (
        "shop-20260301020000 --store s3://backups/staging --context staging --dry-run",
        "shop-20260301020000 --store s3://backups/staging --context staging --into shop-copy",
        "shop-20260301020000 --store s3://backups/staging --context staging --include secrets/db",
    ),
    "runbook": ("backups/shop.plan.yaml > RUNBOOK.md",),
}
"""Command to example arguments; a test runs each through the parser."""

SYNONYMS = {
    "describe": "show",
    "get": "list",
    "inspect": "show",
    "ls": "list",
    "remove": "delete",
    "rm": "delete",
    "test": "run",
    "validate": "doctor",
}
"""Words of other command lines, and the command that does the same here."""

_REQUIRED = "the following arguments are required"
_INVALID_CHOICE = re.compile(r"argument (\S+): invalid choice: '?([^' ]+)'? \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """argparse's parser with examples and suggestions."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(*arguments, **options)

    @property
    def command(self) -> str:
        """The words typed after `resilience`."""
        return self.prog.partition(" ")[2]

    def format_help(self) -> str:
        shown = super().format_help()
        given = EXAMPLES.get(self.command, ())
        lines = "".join(f"  {f'{self.prog} {example}'.rstrip()}\n" for example in given)
        return f"{shown}\nexamples:\n{lines}" if lines else shown

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._typed = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Exit code 2, one line with the nearest word."""
        if before := self._options_before_the_command():
            message = before
        elif wrong := _INVALID_CHOICE.search(message):
            known = re.findall(r"[\w-]+", wrong[3])
            if set(known) == set(self._commands()):
                message = f"unknown command {wrong[2]!r}; expected {_listed(known)}"
                message += self._meant(wrong[2])
            else:
                message = f"unknown value of {wrong[1]} {wrong[2]!r}; expected {_listed(known)}"
                message += did_you_mean(wrong[2], known)
        elif message.startswith(_REQUIRED) and (stray := self._stray(self._typed)):
            message = f"unknown option {stray!r}" + did_you_mean(_key(stray), self._flags())
        self.exit(2, f"error: {message}; see `{self.prog} --help`\n")

    def unknown(self, rest: Sequence[str]) -> NoReturn:
        """The error for arguments that match no option and no parameter."""
        first = self._stray(rest) or rest[0]
        self.error(f"unknown argument {first!r}" + did_you_mean(_key(first), self._flags()))

    def _options_before_the_command(self) -> str:
        """What `resilience --context x doctor` has to be instead; "" if that is not the mistake."""
        commands = self._commands()
        place = next((at for at, word in enumerate(self._typed) if word in commands), 0)
        first = self._typed[:place]
        if not first or not first[0].startswith("-") or first[0] in self._flags():
            return ""
        words = [*self._typed[place:], *first]
        return f"options follow the command: `{self.prog} {shlex.join(words)}`"

    def _commands(self) -> dict[str, argparse.ArgumentParser]:
        groups = [each for each in self._actions if isinstance(each, argparse._SubParsersAction)]
        return dict(groups[0].choices) if groups else {}

    def _meant(self, word: str) -> str:
        """The command that a word was meant to be: one of this parser, or of a group in it."""
        word, own = SYNONYMS.get(word, word), self._commands()
        inner = {
            name: f"{group} {name}"
            for group, parser in own.items()
            if isinstance(parser, Parser)
            for name in parser._commands()
        }
        if word not in own and word in inner:
            return asked([inner[word]])
        return did_you_mean(word, own) or asked(inner[name] for name in nearest(word, inner))

    def _stray(self, words: Sequence[str]) -> str:
        known = set(self._flags())
        options = (each.partition("=")[0] for each in words if each.startswith("--"))
        return next((each for each in options if len(each) > 2 and each not in known), "")

    def _flags(self) -> Iterator[str]:
        for action in self._actions:
            yield from action.option_strings

    def typed(self, given: Sequence[str]) -> Parser:
        """The parser of the command that `given` names, as far as it is known."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for place, word in enumerate(given):
                    found = action.choices.get(word)
                    if isinstance(found, Parser):
                        return found.typed(given[place + 1 :])
        return self


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + " or " + words[-1] if len(words) > 1 else "".join(words)


def _key(word: str) -> str:
    """`--store` of `--store=file:x`."""
    return word.partition("=")[0]
