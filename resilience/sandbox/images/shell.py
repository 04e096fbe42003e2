"""`sh -c` for hooks and probes: words, quotes, $VARIABLES, `;`, `&&`, `||`, `>` and `<`.

Enough for `sh -c "sleep 5 && touch /tmp/x"` and to look around with `kubectl exec -it`; pipes,
loops and substitutions are refused with exit code 2 and a line that says so, never run half.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable

REFUSED = re.compile(r"[`|]|\$\(|\b(for|while|if|case|until)\b|<<")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+)|([?$]))")
USAGE = 2
NOT_FOUND = 127
INTERRUPTED = 130


def run_line(line: str, arguments: list[str]) -> int:
    """Run one line; returns the exit code of the last command that ran."""
    tokens = _tokens(line)
    if tokens is None:
        print(
            f"sh: the sandbox's shell has no pipes, loops or substitutions: {line}", file=sys.stderr
        )
        return USAGE
    code, wanted = 0, True
    for operator, command in _commands(tokens):
        wanted = operator == ";" or (code == 0) == (operator == "&&")
        if wanted and command:
            code = _run(command, code)
    return code


def converse() -> int:
    """Run the lines of stdin until it ends or one says `exit`; at a terminal there is a prompt."""
    prompt = ("# " if os.geteuid() == 0 else "$ ") if os.isatty(0) else ""
    code = 0
    while True:
        print(prompt, end="", flush=True)
        try:
            line = sys.stdin.readline()
            if not line:
                return code
            code = run_line(line.strip(), [])
        except KeyboardInterrupt:
            print()
            code = INTERRUPTED


def _tokens(line: str) -> list[str] | None:
    unquoted = re.sub(r"'[^']*'|\"(?:\\.|[^\"\\])*\"", "", line)
    if REFUSED.search(unquoted.replace("||", "")):
        return None
    lexer = shlex.shlex(line.replace("\n", " ; "), posix=False, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return None


def _commands(tokens: list[str]) -> list[tuple[str, list[str]]]:
    """Commands with the operator before each; the first has ";"."""
    found: list[tuple[str, list[str]]] = [(";", [])]
    for token in tokens:
        if token in (";", "&&", "||"):
            found.append((token, []))
        else:
            found[-1][1].append(token)
    return found


def _run(command: list[str], last: int) -> int:
    words, targets = _redirections([_expand(word, last) for word in command])
    saved: list[tuple[int, int]] = []
    sys.stdout.flush()
    try:
        for descriptor, path, flags in targets:
            opened = os.open(path, flags, 0o644)
            saved.append((descriptor, os.dup(descriptor)))
            os.dup2(opened, descriptor)
            os.close(opened)
        return _start(words) if words else 0
    except OSError as error:
        print(f"sh: {error.filename or words[0]}: {error.strerror}", file=sys.stderr)
        return 1
    finally:
        sys.stdout.flush()
        for descriptor, copy in saved:
            os.dup2(copy, descriptor)
            os.close(copy)


def _expand(word: str, last: int) -> str:
    if word.startswith("'"):
        return word[1:-1]

    def value(match: re.Match[str]) -> str:
        special = {"?": str(last), "$": "1"}
        name = match[1] or match[2]
        return os.environ.get(name, "") if name else special[match[3]]

    return "".join(shlex.split(_VARIABLE.sub(value, word)) or [""])


def _redirections(words: list[str]) -> tuple[list[str], list[tuple[int, str, int]]]:
    kept: list[str] = []
    targets: list[tuple[int, str, int]] = []
    kinds = {
        ">": (1, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        ">>": (1, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        "<": (0, os.O_RDONLY),
    }
    ahead = iter(words)
    for word in ahead:
        if word in kinds:
            descriptor, flags = kinds[word]
            targets.append((descriptor, next(ahead, ""), flags))
        else:
            kept.append(word)
    return kept, targets


def _start(words: list[str]) -> int:
    builtin = BUILTINS.get(words[0])
    if builtin is not None:
        return builtin(words)
    from resilience.sandbox.images import catalogue

    image = os.environ.get("RESILIENCE_IMAGE", "python")
    if not catalogue.has_program(catalogue.IMAGES[image], words[0]):
        print(f"sh: {words[0]}: not found", file=sys.stderr)
        return NOT_FOUND
    try:
        return catalogue.run(image, words)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)


def _exit(words: list[str]) -> int:
    raise SystemExit(int(words[1]) if len(words) > 1 else 0)


def _cd(words: list[str]) -> int:
    os.chdir(words[1] if len(words) > 1 else "/")
    return 0


def check(words: list[str]) -> int:
    """`test` and `[`: -e -f -d -n -z, = and !=, each maybe after `!`."""
    checks: dict[str, Callable[[str], bool]] = {
        "-e": os.path.exists,
        "-f": os.path.isfile,
        "-d": os.path.isdir,
        "-n": bool,
        "-z": lambda text: not text,
    }
    rest = [word for word in words[1:] if word != "]"]
    negate = rest[:1] == ["!"]
    rest = rest[1:] if negate else rest
    if len(rest) == 2 and rest[0] in checks:
        return int(checks[rest[0]](rest[1]) == negate)
    if len(rest) == 3 and rest[1] in ("=", "!="):
        return int(((rest[0] == rest[2]) == (rest[1] == "=")) == negate)
    print(f"test: not understood: {' '.join(rest)}", file=sys.stderr)
    return USAGE


BUILTINS: dict[str, Callable[[list[str]], int]] = {
    "exit": _exit,
    "cd": _cd,
    ":": lambda _: 0,
    "exec": lambda words: _start(words[1:]),
    "[": check,
}
