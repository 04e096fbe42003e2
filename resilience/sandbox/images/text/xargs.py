"""`xargs`, and `nproc`, by which scripts choose how many commands it runs."""

from __future__ import annotations

import os
import sys
from functools import partial

from resilience.sandbox.images.text.command_line import Given, Refused, lines, taken

MOST_BYTES = 1 << 17
SOME_FAILED = 123
STOPPED = 124
NOT_RUN = (126, 127)
_LONG = {
    "null": "0", "no-run-if-empty": "r", "verbose": "t", "max-args": "n", "replace": "I",
    "max-procs": "P", "max-lines": "L", "delimiter": "d",
}  # fmt: skip


def xargs_(argv: list[str]) -> int:
    """Run a command with the words of stdin: -0 -r -t, -n MOST, -L LINES, -I NAME, -d, -P (one at
    a time)."""
    given = taken(argv, "0rtx", "nLIPsdEa", _LONG, words_end=True)
    words = given.words or ["echo"]
    failed: list[int] = []
    text = "".join(line for _, line in lines("xargs", [given.last("a", "-")], failed))
    if failed:
        return 1
    name = given.last("I")
    if name:
        commands = [[word.replace(name, one) for word in words] for one in _items(text, given)]
    else:
        groups = _groups(text, given)
        commands = [[*words, *group] for group in groups]
    return _all(commands, trace="t" in given)


def _groups(text: str, given: Given) -> list[list[str]]:
    if "L" in given:
        step = given.number("L", 1)
        rows = [_words(line) for line in text.splitlines() if line.strip()]
        return [
            [word for row in rows[at : at + step] for word in row]
            for at in range(0, len(rows), step)
        ]
    items = _items(text, given)
    if not items:
        return [] if "r" in given else [[]]
    most, room = given.number("n", len(items)), given.number("s", MOST_BYTES)
    if most < 1:
        raise Refused(f"invalid number '{most}'")
    groups: list[list[str]] = [[]]
    size = 0
    for item in items:
        if groups[-1] and (len(groups[-1]) == most or size + len(item) + 1 > room):
            groups.append([])
            size = 0
        groups[-1].append(item)
        size += len(item) + 1
    return groups


def _items(text: str, given: Given) -> list[str]:
    if "0" in given or "d" in given:
        mark = "\0" if "0" in given else given.last("d").replace("\\n", "\n").replace("\\0", "\0")
        return text.removesuffix(mark).split(mark) if text else []
    if "I" in given:
        return [line.strip() for line in text.splitlines() if line.strip()]
    return _words(text)


def _words(text: str) -> list[str]:
    """Words between blanks; quotes and backslashes keep blanks together."""
    found: list[str] = []
    word: list[str] | None = None
    quote, ahead = "", iter(text)
    for char in ahead:
        if quote:
            if char == quote:
                quote = ""
            elif char == "\n":
                raise Refused(f"unmatched {'single' if quote == chr(39) else 'double'} quote")
            else:
                word = [*(word or []), char]
        elif char in "'\"":
            quote, word = char, word or []
        elif char.isspace():
            if word is not None:
                found.append("".join(word))
            word = None
        else:
            word = word or []
            word.append(next(ahead, "") if char == "\\" else char)
    if quote:
        raise Refused(f"unmatched {'single' if quote == chr(39) else 'double'} quote")
    return found if word is None else [*found, "".join(word)]


def _all(commands: list[list[str]], *, trace: bool) -> int:
    from resilience.sandbox.images.sh.shell import Shell
    from resilience.sandbox.images.sh.shell_control import wait_for

    result = 0
    for words in commands:
        if trace:
            sys.stdout.flush()
            print(*words, file=sys.stderr)
        shell = Shell("xargs")
        code = wait_for(shell.fork(partial(shell.program, words), quiet=True))
        if code in NOT_RUN:
            return code
        if code == 255:
            return STOPPED
        result = SOME_FAILED if code else result
    return result


def nproc_(argv: list[str]) -> int:
    """Print the number of processors."""
    print(os.cpu_count() or 1)
    return 0
