"""`sed` and a small part of `awk`: how scripts in manifests edit texts.

sed has `s///` with g, p, i and a number, `p`, `d`, `q`, `=`, `a`, `i`, `c`, `y`; addresses by
number, `$` and /expression/, ranges, `!`. awk has patterns and `print` with fields, texts, NR, NF.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from resilience.sandbox.images.text_tools import expression, lines, options

_ADDRESS = re.compile(r"\s*(\d+|\$|/(?:\\.|[^/\\])*/)")


@dataclass(slots=True, kw_only=True)
class _Command:
    letter: str
    addresses: list[str] = field(default_factory=list)
    negated: bool = False
    find: re.Pattern[str] | None = None
    text: str = ""
    flags: str = ""
    inside: bool = False


def sed_(argv: list[str]) -> int:
    """Edit a stream: -n, -e SCRIPT, -f FILE, -i in place, -E or -r extended expressions."""
    scripts, words = _scripts(argv)
    given, rest = options(["sed", *words])
    try:
        script = "\n".join(scripts) if scripts else rest.pop(0)
        commands = _commands(script, extended="E" in given or "r" in given)
    except (IndexError, ValueError, re.error) as error:
        print(f"sed: {error}", file=sys.stderr)
        return 1
    failed: list[int] = []
    groups = [[path] for path in rest] if "i" in given or "s" in given else [rest]
    for paths in groups:
        text = [line for _, line in lines("sed", paths, failed)]
        out = _edited(commands, text, silent="n" in given)
        if "i" in given:
            with open(paths[0], "w") as file:
                file.writelines(out)
        else:
            sys.stdout.writelines(out)
    return max(failed, default=0)


def _scripts(argv: list[str]) -> tuple[list[str], list[str]]:
    scripts, words, ahead = [], [], iter(argv[1:])
    for word in ahead:
        if word in ("-e", "--expression"):
            scripts.append(next(ahead, ""))
        elif word == "-f":
            with open(next(ahead, "")) as file:
                scripts.append(file.read())
        elif re.fullmatch(r"-[nEri]*e", word):
            words.append(word[:-1])
            scripts.append(next(ahead, ""))
        else:
            words.append(word if not word.startswith("-i") else "-i")
    return scripts, words


def _commands(script: str, *, extended: bool) -> list[_Command]:
    found, at = [], 0
    while at < len(script):
        if script[at] in " \t\n;":
            at += 1
            continue
        command = _Command(letter="")
        while (address := _ADDRESS.match(script, at)) and len(command.addresses) < 2:
            command.addresses.append(address[1])
            at = address.end()
            if script[at : at + 1] == ",":
                at += 1
        while script[at : at + 1] in (" ", "!") and script[at : at + 1]:
            command.negated = command.negated or script[at] == "!"
            at += 1
        command.letter = script[at : at + 1]
        at = _arguments(command, script, at + 1, extended=extended)
        found.append(command)
    return found


def _arguments(command: _Command, script: str, at: int, *, extended: bool) -> int:
    if command.letter in "sy" and command.letter:
        mark = script[at]
        pieces, at = _pieces(script, at + 1, mark)
        flags = re.match(r"[gpiI\d]*", script[at:])
        command.flags = flags[0] if flags else ""
        command.text = pieces[1]
        ignore = "i" in command.flags.lower()
        if command.letter == "s":
            command.find = expression(pieces[0], extended=extended, ignore_case=ignore)
        else:
            command.flags = pieces[0]
        return at + (len(command.flags) if command.letter == "s" else 0)
    if command.letter in ("a", "i", "c"):
        end = script.find("\n", at)
        end = len(script) if end < 0 else end
        command.text = re.sub(r"^\s*\\?\n?\s*", "", script[at:end])
        return end
    if command.letter not in ("p", "d", "q", "="):
        raise ValueError(f"unsupported command {command.letter}")
    return at


def _pieces(script: str, at: int, mark: str) -> tuple[list[str], int]:
    pieces = [""]
    while len(pieces) < 3:
        if at >= len(script):
            raise ValueError("unmatched '" + mark + "'")
        char = script[at]
        if char == "\\" and script[at + 1 : at + 2] == mark:
            pieces[-1] += mark
            at += 1
        elif char == "\\":
            pieces[-1] += script[at : at + 2]
            at += 1
        elif char == mark:
            pieces.append("")
        else:
            pieces[-1] += char
        at += 1
    return pieces[:2], at


def _edited(commands: list[_Command], text: list[str], *, silent: bool) -> list[str]:
    out: list[str] = []
    for number, whole in enumerate(text, 1):
        line, after, last = whole.rstrip("\n"), [], number == len(text)
        keep, end = True, False
        for command in commands:
            if not _concerns(command, line, number, last=last):
                continue
            if command.letter == "s":
                line, changed = _substituted(command, line)
                if changed and "p" in command.flags:
                    out.append(line + "\n")
            elif command.letter == "y":
                line = line.translate(str.maketrans(command.flags, command.text))
            elif command.letter == "p":
                out.append(line + "\n")
            elif command.letter == "=":
                out.append(f"{number}\n")
            elif command.letter == "i":
                out.append(command.text + "\n")
            elif command.letter == "a":
                after.append(command.text + "\n")
            elif command.letter == "c":
                out.append(command.text + "\n")
                keep = False
                break
            elif command.letter == "d":
                keep = False
                break
            elif command.letter == "q":
                end = True
                break
        if keep and not silent:
            out.append(line + "\n" if whole.endswith("\n") or not last else line)
        out += after
        if end:
            break
    return out


def _concerns(command: _Command, line: str, number: int, *, last: bool) -> bool:
    def holds(address: str) -> bool:
        if address == "$":
            return last
        if address.isdigit():
            return number == int(address)
        return expression(address[1:-1], extended=False).search(line) is not None

    if len(command.addresses) < 2:
        found = all(holds(address) for address in command.addresses)
    elif command.inside:
        found, command.inside = True, not holds(command.addresses[1])
    else:
        found = command.inside = holds(command.addresses[0])
        end = command.addresses[1]
        if found and end.isdigit() and int(end) <= number:
            command.inside = False
    return found != command.negated


def _substituted(command: _Command, line: str) -> tuple[str, bool]:
    assert command.find is not None
    wanted = re.search(r"\d+", command.flags)
    seen = [0]

    def value(match: re.Match[str]) -> str:
        seen[0] += 1
        if wanted and seen[0] < int(wanted[0]):
            return match[0]
        return _replacement(command.text, match)

    count = 0 if "g" in command.flags else int(wanted[0]) if wanted else 1
    out, changed = command.find.subn(value, line, count)
    return out, bool(changed)


def _replacement(text: str, match: re.Match[str]) -> str:
    def part(found: re.Match[str]) -> str:
        piece = found[0]
        if piece == "&":
            return match[0]
        if piece[1].isdigit():
            return match[int(piece[1])] or ""
        return {"n": "\n", "t": "\t"}.get(piece[1], piece[1])

    return re.sub(r"&|\\.", part, text)


_RULE = re.compile(r"\s*(BEGIN|END|/(?:\\.|[^/\\])*/|[^{}]*?)\s*(?:\{([^{}]*)\}|(?=;|\n|$))[;\s]*")
_TERM = re.compile(r'\s*("(?:\\.|[^"\\])*"|\$\(?(?:NF(?:-\d+)?|NR|\d+)\)?|NR|NF|\d+|,)')
_COMPARE = re.compile(r"\s*(\S+)\s*(==|!=|>=|<=|>|<|~)\s*(.+?)\s*")


def awk_(argv: list[str]) -> int:
    """Patterns and `print`: -F SEPARATOR; other features of awk are refused by name."""
    given, rest = options(argv, "Fv")
    if not rest:
        print("awk: no program", file=sys.stderr)
        return 2
    program, paths = rest[0], rest[1:]
    rules = [(m[1].strip(), m[2]) for m in _RULE.finditer(program) if m[0]]
    failed: list[int] = []
    try:
        number = 0
        for pattern, body in rules:
            if pattern == "BEGIN":
                _act(body, [""], 0)
        for number, (_, line) in enumerate(lines("awk", paths, failed), 1):
            text = line.rstrip("\n")
            separator = given.get("F")
            parts = re.split(separator, text) if separator not in (None, " ") else text.split()
            for pattern, body in rules:
                if pattern not in ("BEGIN", "END") and _fits(pattern, [text, *parts], number):
                    _act(body, [text, *parts], number)
        for pattern, body in rules:
            if pattern == "END":
                _act(body, [""], number)
    except (ValueError, re.error) as error:
        print(f"awk: {error} is not understood by the sandbox's awk", file=sys.stderr)
        return 2
    return max(failed, default=0)


def _fits(pattern: str, fields: list[str], number: int) -> bool:
    if not pattern:
        return True
    if pattern.startswith("/"):
        return expression(pattern[1:-1], extended=True).search(fields[0]) is not None
    compared = _COMPARE.fullmatch(pattern)
    if compared is None:
        raise ValueError(pattern)
    one, mark, two = _value(compared[1], fields, number), compared[2], compared[3]
    if mark == "~":
        return expression(two.strip("/"), extended=True).search(one) is not None
    other = _value(two, fields, number)
    kinds: dict[str, Callable[[float | str, float | str], bool]] = {
        "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
        ">": lambda a, b: a > b, "<": lambda a, b: a < b,  # type: ignore[operator]
        ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b,  # type: ignore[operator]
    }  # fmt: skip
    try:
        return kinds[mark](float(one), float(other))
    except ValueError:
        return kinds[mark](one, other)


def _act(body: str | None, fields: list[str], number: int) -> None:
    for statement in (body or "print").split(";"):
        words = statement.strip()
        if not words:
            continue
        if not re.match(r"print\b", words):
            raise ValueError(words)
        print(_joined(words[5:], fields, number))


def _joined(text: str, fields: list[str], number: int) -> str:
    out, at, any_ = "", 0, False
    while text[at:].strip():
        term = _TERM.match(text, at)
        if term is None:
            raise ValueError(text.strip())
        out += " " if term[1] == "," else _value(term[1], fields, number)
        at, any_ = term.end(), True
    return out if any_ else fields[0]


def _value(term: str, fields: list[str], number: int) -> str:
    if term.startswith('"'):
        return term[1:-1].replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t")
    if term in ("NR", "NF"):
        return str(number if term == "NR" else len(fields) - 1)
    place = re.fullmatch(r"\$\(?(NF|NR|\d+)(-\d+)?\)?", term)
    if place:
        at = {"NF": len(fields) - 1, "NR": number}.get(place[1])
        index = (int(place[1]) if at is None else at) + int(place[2] or 0)
        return fields[index] if 0 <= index < len(fields) else ""
    if re.fullmatch(r"-?\d+(\.\d+)?", term):
        return term
    raise ValueError(term)


def xargs_(argv: list[str]) -> int:
    """Run a command with the words of stdin: -n MOST, -I NAME."""
    from resilience.sandbox.images.sh.shell import Shell

    words, ahead, most, name = [], list(argv[1:]), 0, ""
    while ahead and ahead[0].startswith("-"):
        flag = ahead.pop(0)
        if flag.startswith("-n"):
            most = int(flag[2:] or ahead.pop(0))
        elif flag.startswith("-I"):
            name = flag[2:] or ahead.pop(0)
    words = ahead or ["echo"]
    text = open(0, errors="replace", closefd=False).read()  # noqa: SIM115
    given = text.splitlines() if name else text.split()
    shell = Shell("xargs")
    if name:
        return max(
            (shell.start([word.replace(name, one) for word in words]) for one in given), default=0
        )
    step = most or max(len(given), 1)
    return max(
        (shell.start([*words, *given[at : at + step]]) for at in range(0, len(given) or 1, step)),
        default=0,
    )


def nproc_(argv: list[str]) -> int:
    """Print the number of processors."""
    print(os.cpu_count() or 1)
    return 0
