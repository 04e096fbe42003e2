"""Shell builtins: `cd`, `set`, `read`, `trap`, `test` and the rest of XCU 2.14."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from resilience.sandbox.images.sh.builtins import limits, reading
from resilience.sandbox.images.sh.builtins.kill import kill, signal_named
from resilience.sandbox.images.sh.shell_arithmetic import evaluate
from resilience.sandbox.images.sh.shell_control import Interrupted, Jump, Return, wait_for
from resilience.sandbox.images.sh.shell_test import check
from resilience.sandbox.images.sh.shell_tree import Literal, Simple, Word

if TYPE_CHECKING:
    from resilience.sandbox.images.sh.shell import Shell

Builtin = Callable[["Shell", list[str]], int]
_SHOPT = frozenset({"checkwinsize", "expand_aliases", "inherit_errexit", "lastpipe", "nullglob"})
_OPTIONS = {"e": "stops", "u": "strict", "x": "traces"}
_LONG = {"errexit": "e", "nounset": "u", "xtrace": "x", "pipefail": ""}


def switch(shell: Shell, letters: str, *, on: bool = True) -> None:
    """Set or clear options by their letters; letters of other shells change nothing."""
    for letter in letters:
        if letter in _OPTIONS:
            setattr(shell, _OPTIONS[letter], on)


def _set(shell: Shell, words: list[str]) -> int:
    rest = words[1:]
    if not rest:
        for name, value in sorted({**os.environ, **shell.own}.items()):
            print(f"{name}='{value}'")
    while rest and rest[0][:1] in ("-", "+") and rest[0] not in ("-", "+"):
        word = rest.pop(0)
        if word == "--":
            break
        if word[1:].endswith("o") and rest:
            name = rest.pop(0)
            if name == "pipefail":
                shell.pipefail = word[0] == "-"
            switch(shell, _LONG.get(name, ""), on=word[0] == "-")
        switch(shell, word[1:], on=word[0] == "-")
    if rest or "--" in words:
        shell.arguments = rest
    return 0


def _shift(shell: Shell, words: list[str]) -> int:
    count = _number(words, 1)
    if count > len(shell.arguments):
        return 1
    del shell.arguments[:count]
    return 0


def _number(words: list[str], default: int) -> int:
    return int(words[1]) if len(words) > 1 and words[1].lstrip("-").isdigit() else default


def _exit(shell: Shell, words: list[str]) -> int:
    raise SystemExit(_number(words, shell.status))


def _return(shell: Shell, words: list[str]) -> int:
    raise Return(_number(words, shell.status))


def _break(shell: Shell, words: list[str]) -> int:
    raise Jump(_number(words, 1), again=words[0] == "continue")


def _cd(shell: Shell, words: list[str]) -> int:
    target = words[1] if len(words) > 1 else shell.variable("HOME") or "/"
    if target == "-":
        target = shell.variable("OLDPWD") or "/"
    before = os.getcwd()
    try:
        os.chdir(target)
    except OSError as error:
        print(f"{shell.name}: cd: can't cd to {target}: {error.strerror}", file=sys.stderr)
        return 2
    os.environ["OLDPWD"], os.environ["PWD"] = before, os.getcwd()
    return 0


def _export(shell: Shell, words: list[str]) -> int:
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not name.startswith("-"):
            shell.export(name, value if equals else shell.variable(name) or "")
    return 0


def _local(shell: Shell, words: list[str]) -> int:
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if name.startswith("-"):
            continue
        if shell.locals:
            shell.locals[-1].setdefault(name, shell.variable(name))
        shell.assign(name, value if equals else "")
    return 0


def _unset(shell: Shell, words: list[str]) -> int:
    for name in words[1:]:
        shell.may_change(name)
        shell.own.pop(name, None)
        shell.arrays.pop(name, None)
        os.environ.pop(name, None)
        shell.functions.pop(name, None)
    return 0


def _eval(shell: Shell, words: list[str]) -> int:
    return shell.script(" ".join(words[1:]))


def _source(shell: Shell, words: list[str]) -> int:
    try:
        with open(words[1]) as file:
            text = file.read()
    except OSError as error:
        print(f"{shell.name}: {words[1]}: {error.strerror}", file=sys.stderr)
        return 1
    try:
        return shell.script(text)
    except Return as leaving:
        return leaving.code


def _trap(shell: Shell, words: list[str]) -> int:
    rest = [word for word in words[1:] if word != "--"]
    if not rest:
        for name, action in shell.traps.items():
            print(f"trap -- '{action}' {name}")
        return 0
    action = "-" if rest[0].isdigit() and len(rest) == 1 else rest.pop(0)
    for word in rest:
        condition = _signal_name(word)
        if condition is None:
            print(f"{shell.name}: trap: {word}: invalid signal specification", file=sys.stderr)
            return 1
        _set_trap(shell, condition, action)
    return 0


def _set_trap(shell: Shell, condition: str, action: str) -> None:
    shell.traps.pop(condition, None)
    if action != "-":
        shell.traps[condition] = action
    if condition != "EXIT":
        number = signal.Signals[f"SIG{condition}"]
        asked = signal.SIG_DFL if action == "-" else signal.SIG_IGN
        signal.signal(number, shell.hear if action not in ("", "-") else asked)


def _signal_name(word: str) -> str | None:
    if word.upper() in ("0", "EXIT"):
        return "EXIT"
    found = signal_named(word)
    return None if found is None else found.name.removeprefix("SIG")


def _wait(shell: Shell, words: list[str]) -> int:
    wanted = [int(word) for word in words[1:] if word.isdigit()] or list(shell.jobs)
    code = 0
    try:
        with shell.listening():
            for child in wanted:
                code = wait_for(child)
                if child in shell.jobs[:-1]:
                    shell.jobs.remove(child)
    except Interrupted as heard:
        return 128 + heard.number
    return code if words[1:] else 0


def _kill(shell: Shell, words: list[str]) -> int:
    return kill(words, shell.jobs, shell.pid)


def _command(shell: Shell, words: list[str]) -> int:
    if len(words) > 2 and words[1] in ("-v", "-V"):
        return _find(shell, words[2])
    builtin = BUILTINS.get(words[1]) if len(words) > 1 else None
    if builtin is not None:
        return builtin(shell, words[1:])
    return shell.program(words[1:]) if len(words) > 1 else 0


def _type(shell: Shell, words: list[str]) -> int:
    return max((_find(shell, word) for word in words[1:]), default=0)


def _shopt(shell: Shell, words: list[str]) -> int:
    """`shopt -s nullglob`; those that change nothing here are accepted."""
    names = [word for word in words[1:] if not word.startswith("-")]
    unknown = [name for name in names if name not in _SHOPT]
    if unknown:
        print(f"{shell.name}: shopt: {unknown[0]}: not supported by the sandbox", file=sys.stderr)
        return 1
    if "nullglob" in names:
        shell.nullglob = "-u" not in words
    return 0


def _declare(shell: Shell, words: list[str]) -> int:
    """`declare NAME=VALUE`, exported with -x, constant with -r; other kinds of variables are
    refused."""
    letters = "".join(word[1:] for word in words[1:] if word.startswith("-"))
    refused = [letter for letter in letters if letter not in "agrx"]
    if refused:
        why = f"-{refused[0]}: not supported by the sandbox"
        print(f"{shell.name}: {words[0]}: {why}", file=sys.stderr)
        return 2
    names = [word for word in words[1:] if not word.startswith("-")]
    made = [name for name in names if "=" in name or shell.variable(name) is None]
    code = (_local if shell.locals and "g" not in letters else _assigned)(shell, ["", *made])
    if "x" in letters:
        _export(shell, ["", *(name.partition("=")[0] for name in names)])
    if "r" in letters:
        _readonly(shell, ["", *(name.partition("=")[0] for name in names)])
    return code


def _assigned(shell: Shell, words: list[str]) -> int:
    for word in words[1:]:
        name, _, value = word.partition("=")
        shell.assign(name, value)
    return 0


def _builtin(shell: Shell, words: list[str]) -> int:
    builtin = BUILTINS.get(words[1]) if len(words) > 1 else None
    return builtin(shell, words[1:]) if builtin is not None else shell.start(words[1:] or [":"])


def _printf(shell: Shell, words: list[str]) -> int:
    """`printf -v NAME FORMAT ...` assigns; the program does the rest."""
    if len(words) < 4 or words[1] != "-v":
        return shell.program(words)
    command = tuple(Word((Literal(word, quoted=True),)) for word in ("printf", *words[3:]))
    shell.assign(words[2], shell.output_of(Simple((), command, ())))
    return shell.status


def _find(shell: Shell, name: str) -> int:
    from resilience.sandbox.images import catalogue

    if name in BUILTINS or name in shell.functions:
        print(name)
        return 0
    if not catalogue.has_program(catalogue.here(), name):
        return 127
    print(name if "/" in name else f"/bin/{name}")
    return 0


def _pwd(shell: Shell, words: list[str]) -> int:
    print(os.getcwd())
    return 0


def _let(shell: Shell, words: list[str]) -> int:
    """Arithmetic; 1 if the last value is 0."""
    value = 0
    for word in words[1:]:
        value = evaluate(word, shell)
    return int(value == 0)


def _readonly(shell: Shell, words: list[str]) -> int:
    """Names that keep the value they have now."""
    names = [word for word in words[1:] if not word.startswith("-")]
    for word in names:
        name, equals, value = word.partition("=")
        if equals:
            shell.assign(name, value)
        shell.constants.add(name)
    if not names:
        for name in sorted(shell.constants):
            print(f"readonly {name}='{shell.variable(name) or ''}'")
    return 0


BUILTINS: dict[str, Builtin] = {
    ":": lambda shell, words: 0,
    ".": _source,
    "source": _source,
    "[": lambda shell, words: check(words),
    "[[": lambda shell, words: check(["[", *words[1:-1], "]"]),
    "shopt": _shopt,
    "typeset": _declare,
    "test": lambda shell, words: check(words),
    "break": _break,
    "builtin": _builtin,
    "cd": _cd,
    "command": _command,
    "continue": _break,
    "declare": _declare,
    "eval": _eval,
    "exit": _exit,
    "export": _export,
    "getopts": reading.getopts,
    "hash": lambda shell, words: 0,
    "kill": _kill,
    "let": _let,
    "mapfile": reading.mapfile,
    "readarray": reading.mapfile,
    "local": _local,
    "printf": _printf,
    "pwd": _pwd,
    "read": reading.read,
    "readonly": _readonly,
    "return": _return,
    "set": _set,
    "shift": _shift,
    "trap": _trap,
    "type": _type,
    "times": lambda shell, words: limits.times(),
    "ulimit": lambda shell, words: limits.ulimit(words),
    "umask": lambda shell, words: limits.umask(words),
    "unset": _unset,
    "wait": _wait,
}
