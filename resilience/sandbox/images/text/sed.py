"""`sed`: how scripts in manifests edit texts.

It has `s///` with g, p, i and a number, `p`, `d`, `q`, `=`, `a`, `i`, `c`, `y`; addresses by
number, `$` and /expression/, ranges, `!`.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass, field

from resilience.sandbox.images.matching.posix_expressions import expression
from resilience.sandbox.images.text.command_line import lines, taken

_TEXT = re.compile(r"[ \t]*(?:\\\n|\\)?((?:\\\n|\\.|[^\n\\])*)")
"""The text of a, i and c: to the end of the line, and on after a backslash there."""

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
    extended: bool = False


def sed_(argv: list[str]) -> int:
    """Edit a stream: -n, -e SCRIPT, -f FILE, -i in place, -E or -r extended expressions."""
    plain, suffix = _without_suffix(argv)
    scripts, words = _scripts(plain)
    given = taken(["sed", *words], "nEris", "", {"quiet": "n", "silent": "n", "in-place": "i",
                                                "regexp-extended": "E"})  # fmt: skip
    rest = given.words
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
        if suffix:
            shutil.copy2(paths[0], paths[0] + suffix)
        if "i" in given:
            with open(paths[0], "w") as file:
                file.writelines(out)
        else:
            sys.stdout.writelines(out)
    return max(failed, default=0)


def _without_suffix(words: list[str]) -> tuple[list[str], str]:
    """`-i.bak` and `--in-place=.bak` as `-i`, and the suffix of the copy."""
    found = ""
    for number, word in enumerate(words):
        match = re.fullmatch(r"-([nErs]*)i(\.\S+)|--in-place=(\S+)", word)
        if match:
            found = match[2] or match[3]
            words = [*words[:number], f"-{match[1] or ''}i", *words[number + 1 :]]
    return words, found


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
            words.append(word)
    return scripts, words


def _commands(script: str, *, extended: bool) -> list[_Command]:
    found, at = [], 0
    while at < len(script):
        if script[at] in " \t\n;":
            at += 1
            continue
        command = _Command(letter="", extended=extended)
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
        text = _TEXT.match(script, at)
        assert text is not None
        command.text = re.sub(r"\\(\n|.)", r"\1", text[1])
        return text.end()
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
        return expression(address[1:-1], extended=command.extended).search(line) is not None

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
