"""`awk`: patterns, and what to do with the lines that fit."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

from resilience.sandbox.images.awk.awk_machine import AwkFault, AwkMachine, records
from resilience.sandbox.images.awk.awk_parser import AwkParser
from resilience.sandbox.images.awk.awk_values import Input
from resilience.sandbox.images.awk.awk_words import AwkSyntax, unescaped
from resilience.sandbox.images.text.command_line import Refused, as_read, lines, taken

USAGE = 2
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def awk_(argv: list[str]) -> int:
    """POSIX awk: -F SEPARATOR, -v NAME=VALUE, -f FILE."""
    given = taken(argv, "", "Fvf", {}, words_end=True)
    failed: list[int] = []
    if "f" in given:
        program = "".join(line for _, line in lines("awk", given["f"], failed))
    elif given.words:
        program = given.words.pop(0)
    else:
        raise Refused("no program is given", USAGE)
    if failed:
        return USAGE
    as_read()
    try:
        machine = AwkMachine(AwkParser(program).parse())
        _prepare(machine, given.last("F"), given.get("v", []), given.words)
        source = _records(machine, given.words, failed)
        machine.records = lambda: next(source, None)
        try:
            code = machine.run()
        finally:
            machine.streams.close_all()
    except (AwkSyntax, AwkFault, re.error) as error:
        raise Refused(str(error), USAGE) from None
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise Refused(f"{error.filename}: {error.strerror}", USAGE) from None
    return code or (USAGE if failed else 0)


def _prepare(machine: AwkMachine, separator: str, assigned: list[str], words: list[str]) -> None:
    for each in assigned:
        found = _ASSIGNMENT.fullmatch(each)
        if found is None:
            raise Refused(f"'{each}' is no assignment", USAGE)
        machine.set(found[1], Input(unescaped(found[2])))
    if separator:
        machine.set("FS", "\t" if separator == "t" else unescaped(separator))
    machine.names["ENVIRON"] = {name: Input(value) for name, value in os.environ.items()}
    machine.names["ARGC"] = float(len(words) + 1)
    arguments = enumerate(["awk", *words])
    machine.names["ARGV"] = {str(at): Input(word) for at, word in arguments}


def _records(machine: AwkMachine, words: list[str], failed: list[int]) -> Iterator[str]:
    """The records of all files; an assignment among them counts from there on."""
    any_file = False
    for word in words:
        found = _ASSIGNMENT.fullmatch(word)
        if found:
            machine.set(found[1], Input(unescaped(found[2])))
            continue
        any_file = True
        yield from _of_file(machine, word, failed)
    if not any_file:
        yield from _of_file(machine, "-", failed)


def _of_file(machine: AwkMachine, path: str, failed: list[int]) -> Iterator[str]:
    machine.names["FILENAME"] = "" if path == "-" else path
    machine.names["FNR"] = 0.0
    sys.stdout.flush()
    text = (line for _, line in lines("awk", [path], failed))
    yield from records(text, lambda: machine.text(machine.get("RS")))
