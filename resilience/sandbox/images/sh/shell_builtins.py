"""Shell builtins: `cd`, `set`, `read`, `trap`, `test` and the rest of XCU 2.14."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from resilience.sandbox.images.sh.shell_control import Interrupted, Jump, Return, wait_for
from resilience.sandbox.images.sh.shell_test import check

if TYPE_CHECKING:
    from resilience.sandbox.images.sh.shell import Shell

Builtin = Callable[["Shell", list[str]], int]
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
            os.environ[name] = value if equals else shell.own.get(name, os.environ.get(name, ""))
            shell.own.pop(name, None)
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
        shell.own.pop(name, None)
        os.environ.pop(name, None)
        shell.functions.pop(name, None)
    return 0


def _read(shell: Shell, words: list[str]) -> int:
    """One line of stdin, a character at a time: the rest belongs to the next reader."""
    names = [word for word in words[1:] if not word.startswith("-")] or ["REPLY"]
    raw = any(word.startswith("-") and "r" in word for word in words[1:])
    line, ended = _line(raw=raw)
    ifs = shell.variable("IFS")
    parts = line.strip(" \t").split(None if ifs is None or ifs.isspace() else ifs, len(names) - 1)
    if ifs == "":
        parts = [line]
    for number, name in enumerate(names):
        shell.assign(name, parts[number] if number < len(parts) else "")
    return int(not ended)


def _line(*, raw: bool) -> tuple[str, bool]:
    """A line and whether it was terminated; a backslash joins it with the next."""
    out = b""
    while char := os.read(0, 1):
        if char == b"\n":
            return out.decode(errors="replace"), True
        if char == b"\\" and not raw:
            char = os.read(0, 1).replace(b"\n", b"")
        out += char
    return out.decode(errors="replace"), False


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
    bare = word.upper().removeprefix("SIG")
    if bare in ("0", "EXIT"):
        return "EXIT"
    if bare.isdigit() and int(bare) in {int(known) for known in signal.Signals}:
        return signal.Signals(int(bare)).name.removeprefix("SIG")
    return bare if f"SIG{bare}" in signal.Signals.__members__ else None


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
    """Children of this shell by number; the program handles everything else."""
    ours = {*shell.jobs, os.getpid()}
    targets = [word for word in words[1:] if word.isdigit() and int(word) in ours]
    if not targets:
        return shell.program(words)
    given = [word[1:] for word in words[1:] if word.startswith("-")]
    name = _signal_name(given[0]) if given and given[0] != "0" else "TERM"
    number = 0 if given == ["0"] else int(signal.Signals[f"SIG{name}"])
    for target in targets:
        try:
            os.kill(int(target), number)
        except ProcessLookupError:
            print(f"{shell.name}: can't kill pid {target}: No such process", file=sys.stderr)
            return 1
    return 0


def _command(shell: Shell, words: list[str]) -> int:
    if len(words) > 2 and words[1] in ("-v", "-V"):
        return _find(shell, words[2])
    builtin = BUILTINS.get(words[1]) if len(words) > 1 else None
    if builtin is not None:
        return builtin(shell, words[1:])
    return shell.program(words[1:]) if len(words) > 1 else 0


def _type(shell: Shell, words: list[str]) -> int:
    return max((_find(shell, word) for word in words[1:]), default=0)


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


def _umask(shell: Shell, words: list[str]) -> int:
    if len(words) > 1:
        os.umask(int(words[1], 8))
        return 0
    before = os.umask(0)
    os.umask(before)
    print(f"{before:04o}")
    return 0


BUILTINS: dict[str, Builtin] = {
    ":": lambda shell, words: 0,
    ".": _source,
    "source": _source,
    "[": lambda shell, words: check(words),
    "[[": lambda shell, words: check(["[", *words[1:-1], "]"]),
    "test": lambda shell, words: check(words),
    "break": _break,
    "cd": _cd,
    "command": _command,
    "continue": _break,
    "eval": _eval,
    "exit": _exit,
    "export": _export,
    "kill": _kill,
    "local": _local,
    "pwd": _pwd,
    "read": _read,
    "readonly": _export,
    "return": _return,
    "set": _set,
    "shift": _shift,
    "trap": _trap,
    "type": _type,
    "umask": _umask,
    "unset": _unset,
    "wait": _wait,
}
