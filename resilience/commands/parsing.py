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

from resilience.commands import habits
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

_CLUSTER = ("--context", "--kubeconfig")
_OWN = ("run", "sandbox")
"""Commands whose options this parser does not know, or not all of them."""

_REQUIRED = "the following arguments are required"
_INVALID_CHOICE = re.compile(r"argument (\S+): invalid choice: '?([^' ]+)'? \(choose from (.*)\)")


class TakesOneValue(argparse.Action):
    """An option with one value. argparse would use the last of several and say nothing, and a
    restore would go where nobody meant it to."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if option_string and isinstance(parser, Parser):
            first = parser.given.setdefault(self.dest, values)
            if first != values:
                parser.error(
                    f"{option_string} takes one value, and is given twice: {first} and {values}"
                )
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """argparse's parser with examples and suggestions."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(*arguments, **options)
        self.register("action", None, TakesOneValue)
        self.register("action", "store", TakesOneValue)
        self._typed: list[str] = []
        self.given: dict[str, Any] = {}

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
        self._typed, self.given = list(sys.argv[1:] if args is None else args), {}
        if before := self._options_before_the_command():
            self.error(before)
        if "--dry-run" in self._flags():  # `--dry-run=server`, as for kubectl
            return super().parse_known_args(self._without_mode(), namespace)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Exit code 2, one line with the nearest word."""
        if wrong := _INVALID_CHOICE.search(message):
            known = re.findall(r"[\w-]+", wrong[3])
            if set(known) == set(self._commands()):
                meant = self._meant(wrong[2])
                message = f"unknown command {wrong[2]!r}"
                message += meant or f"; expected {_listed(known)}"
            else:
                message = f"unknown value of {wrong[1]} {wrong[2]!r}; expected {_listed(known)}"
                message += habits.form_for(wrong[2], known) or did_you_mean(wrong[2], known)
        elif message.startswith(_REQUIRED) and (stray := self._stray(self._typed)):
            message = f"unknown option {stray!r}" + self._instead(stray)
        elif message.startswith(_REQUIRED):
            message += self._expected()
        self.exit(2, f"error: {message}; see `{self.prog} --help`\n")

    def unknown(self, rest: Sequence[str]) -> NoReturn:
        """The error for arguments that match no option and no parameter."""
        first = self._stray(rest) or rest[0]
        self.error(f"unknown argument {first!r}" + self._instead(first))

    def _instead(self, stray: str) -> str:
        """`; ...`: what to type for an option or a word that this command does not have."""
        option, flags = _key(stray), list(self._flags())
        answer = habits.option_for(self.command, option, flags)
        if answer.startswith("--"):
            return asked([answer])
        if not answer and option in habits.FILES and self._takes_files():
            path = self._value(option) or "FILE"
            answer = f"files need no option: `{self.prog} {shlex.quote(path)}`"
        if not answer and option in _CLUSTER:
            answer = f"`{self.prog}` does not use a cluster"
        if not answer and stray in habits.MODES and "--dry-run" in flags:
            answer = "`--dry-run` takes no value, and sends requests to the server"
        plain = not stray.startswith("-") and stray != "help"
        if not answer and self.command == "backup list" and plain:
            answer = f"to see one snapshot, use `resilience backup show {shlex.quote(stray)}`"
        return f"; {answer}" if answer else did_you_mean(option, flags)

    def _value(self, option: str) -> str:
        """What was typed for an option that this parser does not have; "" for nothing."""
        for word, following in zip(self._typed, [*self._typed[1:], ""], strict=True):
            if _key(word) == option:
                return word.partition("=")[2] or following
        return ""

    def _without_mode(self) -> list[str]:
        """kubectl's values of `--dry-run`: here a dry run is always the server's."""
        words = []
        for word in self._typed:
            if word == "--dry-run=client":
                self.error("--dry-run=client is not offered; `--dry-run` asks the server")
            if word != "--dry-run=none":
                words.append("--dry-run" if word == "--dry-run=server" else word)
        return words

    def _options_before_the_command(self) -> str:
        """What `resilience --context x doctor` has to be instead; "" if that is not the mistake."""
        commands = self._commands()
        if not commands or not self._typed or self._typed[0] in self._flags():
            return ""
        named = [at for at, word in enumerate(self._typed) if word in commands]
        # A word after an option may be its value, as in `--context sandbox backup list`.
        plain = [at for at in named if at == 0 or not self._typed[at - 1].startswith("-")]
        place = [*plain, *named, 0][0]
        first = self._typed[:place]
        if not first or not first[0].startswith("-"):
            return ""
        words = [*self._typed[place:], *first]
        known = set(self.typed(words)._flags())
        strange = [key for each in first if (key := _key(each)).startswith("-") and
                   key not in known]  # fmt: skip
        if strange and words[0] not in _OWN:
            return f"unknown argument {strange[0]!r}" + self.typed(words)._instead(strange[0])
        return f"options follow the command: `{self.prog} {shlex.join(words)}`"

    def _commands(self) -> dict[str, argparse.ArgumentParser]:
        groups = [each for each in self._actions if isinstance(each, argparse._SubParsersAction)]
        return dict(groups[0].choices) if groups else {}

    def _meant(self, word: str) -> str:
        """The command that a word was meant to be: one of this parser, or of a group in it."""
        after = [*self._typed[self._typed.index(word) + 1 :]] if word in self._typed else []
        if self.command == "" and (line := habits.command_for([word, *after])):
            return asked([f"{self.prog} {line}"])
        if said := habits.sentence(word, "".join(after[:1])):
            return f"; {said}"
        word, own = habits.SYNONYMS.get(word, word), self._commands()
        inner = {
            name: f"{group} {name}"
            for group, parser in own.items()
            if isinstance(parser, Parser)
            for name in parser._commands()
        }
        if word not in own and word in inner:
            return asked([inner[word]])
        return did_you_mean(word, own) or asked(inner[name] for name in nearest(word, inner))

    def _expected(self) -> str:
        """The words that a missing parameter may be, or where to find them."""
        if self.command.startswith("backup ") and "NAME" in [each.metavar for each in
                                                             self._actions]:  # fmt: skip
            return "; `resilience backup list` shows the names"
        chosen = [each.choices for each in self._actions if not each.option_strings
                  and each.choices and each.required]  # fmt: skip
        return f"; expected {_listed([str(each) for each in chosen[0]])}" if chosen else ""

    def _takes_files(self) -> bool:
        return any(each.metavar in ("FILE", "PATH", "PLAN") for each in self._actions
                   if not each.option_strings)  # fmt: skip

    def _stray(self, words: Sequence[str]) -> str:
        """The first option in `words` that this parser does not have. A short one may be followed
        by its value, as in `-ojson`."""
        known = set(self._flags())
        for each in words:
            key = _key(each)
            if len(key) > 2 and key.startswith("--") and key not in known:
                return key
            if len(key) > 1 and key[0] == "-" and key[1].isalpha() and key[:2] not in known:
                return key
        return ""

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
