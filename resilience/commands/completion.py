"""`resilience completion SHELL`: a script that completes commands and options.

shtab makes those of bash, zsh and tcsh from the parser; it does not support fish, whose script is
made here, from the same parser.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

PROGRAM = "resilience"


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script of one shell."""
    if shell == "fish":
        return "\n".join(_fish(parser))
    import shtab

    return str(shtab.complete(parser, shell))


def _fish(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"# Completion of {PROGRAM} for fish; save as ~/.config/fish/completions/{PROGRAM}.fish"
    yield from _of(parser, ())


def _of(
    parser: argparse.ArgumentParser, path: Sequence[str], beside: Sequence[str] = ()
) -> Iterator[str]:
    """`beside` are the commands of the same level, because names such as `run` exist at two
    levels."""
    inner = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    names = [name for each in inner for name in each.choices]
    here = _typed(path, [*names, *(each for each in beside if each not in path)])
    for group in inner:
        texts = {each.dest: each.help or "" for each in group._choices_actions}
        for name in group.choices:
            yield f"{here} -f -a {name} -d {_quoted(texts.get(name, ''))}"
    for action in parser._actions:
        if action.option_strings and action.help != argparse.SUPPRESS:
            yield f"{here} {_option(action)}"
        elif action.choices and not isinstance(action, argparse._SubParsersAction):
            yield f"{here} -f -a {_quoted(' '.join(map(str, action.choices)))}"
    for group in inner:
        for name, command in group.choices.items():
            yield from _of(command, (*path, name), names if not path else ())


def _typed(path: Sequence[str], beneath: Sequence[str]) -> str:
    """The condition: these commands were typed, and none of those beneath them."""
    seen = [f"__fish_seen_subcommand_from {name}" for name in path]
    if not path:
        seen = ["__fish_use_subcommand"]
    elif beneath:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(beneath)}")
    return f"complete -c {PROGRAM} -n {_quoted('; and '.join(seen))}"


def _option(action: argparse.Action) -> str:
    words = []
    for flag in action.option_strings:
        words.append(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}")
    if action.choices:
        words.append(f"-x -a {_quoted(' '.join(map(str, action.choices)))}")
    elif action.nargs != 0:
        words.append("-r")
    help_text = (action.help or "").replace("%(default)s", str(action.default))
    return " ".join([*words, f"-d {_quoted(help_text)}"])


def _quoted(text: str) -> str:
    """A single-quoted string of fish, in which only the quote and the backslash are special."""
    inside = text.replace("\\", "\\\\").replace("'", "\\'").replace("%%", "%")
    return f"'{inside}'"
