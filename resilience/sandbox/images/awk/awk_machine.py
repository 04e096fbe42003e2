"""Runs the tree of an awk program."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from resilience.sandbox.images.awk.awk_functions import call
from resilience.sandbox.images.awk.awk_parser import AwkProgram, Node
from resilience.sandbox.images.awk.awk_streams import AwkStreams
from resilience.sandbox.images.awk.awk_texts import fields, formatted, regex
from resilience.sandbox.images.awk.awk_values import UNSET, Input, Value, number, order, text, truth

GIVEN = "\0given"
"""In a frame: from which room and name each parameter came that was not set."""


class AwkJump(Exception):
    """`next`, `exit`, `break` and the like leave what runs."""

    def __init__(self, kind: str, value: Value = 0.0) -> None:
        self.kind = kind
        self.value = value


class AwkFault(Exception):
    """What a program cannot do."""


class AwkMachine:
    """Variables, the present line, and open files."""

    def __init__(self, program: AwkProgram) -> None:
        self.program = program
        self.names: dict[str, Any] = {
            "FS": " ", "OFS": " ", "ORS": "\n", "RS": "\n", "NR": 0.0, "FNR": 0.0, "SUBSEP": "\x1c",
            "CONVFMT": "%.6g", "OFMT": "%.6g", "FILENAME": "", "RSTART": 0.0, "RLENGTH": -1.0,
            "NF": 0.0,
        }  # fmt: skip
        self.frames: list[dict[str, Any]] = []
        self.parts: list[Value] = [Input("")]
        self.streams = AwkStreams()
        self.seed, self.random = 0.0, random.Random(0)
        self.ranges: set[int] = set()
        self.records: Callable[[], str | None] = lambda: None

    # -- variables -------------------------------------------------------------------------------

    def _room(self, name: str) -> dict[str, Any]:
        return self.frames[-1] if self.frames and name in self.frames[-1] else self.names

    def get(self, name: str) -> Value:
        value = self._room(name).get(name, UNSET)
        if isinstance(value, dict):
            raise AwkFault(f"array '{name}' is used as a value")
        return UNSET if value is None else value

    def set(self, name: str, value: Value) -> None:
        self._room(name)[name] = value
        if name == "NF":
            count = int(number(value))
            self.parts[1:] = (self.parts[1:] + [UNSET] * count)[:count]
            self._rejoin()

    def is_array(self, name: str) -> bool:
        return isinstance(self._room(name).get(name), dict)

    def array(self, name: str) -> dict[str, Value]:
        return _array_in(self._room(name), name)

    def text(self, value: Value) -> str:
        return text(value, str(self.names["CONVFMT"]))

    # -- the line --------------------------------------------------------------------------------

    def take_line(self, line: str) -> None:
        self.parts = [Input(line), *fields(line, self.text(self.get("FS")))]
        self.names["NF"] = float(len(self.parts) - 1)

    def field(self, at: int) -> Value:
        if at < 0:
            raise AwkFault(f"there is no field {at}")
        return self.parts[at] if at < len(self.parts) else UNSET

    def _set_field(self, at: int, value: Value) -> None:
        if at == 0:
            self.take_line(self.text(value))
            return
        self.parts += [UNSET] * (at + 1 - len(self.parts))
        self.parts[at] = value
        self.names["NF"] = float(len(self.parts) - 1)
        self._rejoin()

    def _rejoin(self) -> None:
        self.parts[0] = Input(self.text(self.get("OFS")).join(map(self.text, self.parts[1:])))

    def _next_line(self, *, own: bool = True) -> str | None:
        line = self.records()
        if line is not None:
            self.names["NR"] = number(self.names["NR"]) + 1
            self.names["FNR"] = number(self.names["FNR"]) + 1
        return line

    # -- running ---------------------------------------------------------------------------------

    def run(self) -> int:
        """BEGIN, each line, END; the exit code."""
        code = 0.0
        try:
            for block in self.program.begin:
                self.do(block)
            if self.program.rules or self.program.end:
                self._lines()
        except AwkJump as jump:
            code = self._left(jump)
            if jump.kind != "exit":
                return int(code)
        try:
            for block in self.program.end:
                self.do(block)
        except AwkJump as jump:
            code = self._left(jump, code)
        return int(code) & 0xFF

    def _left(self, jump: AwkJump, before: float = 0.0) -> float:
        if jump.kind != "exit":
            raise AwkFault(f"'{jump.kind}' stands outside of what it leaves")
        return before if isinstance(jump.value, str) and not jump.value else number(jump.value)

    def _lines(self) -> None:
        while (line := self._next_line()) is not None:
            self.take_line(line)
            try:
                for pattern, body in self.program.rules:
                    if self._fits(pattern):
                        self.do(body)
            except AwkJump as jump:
                if jump.kind != "next":
                    raise

    def _fits(self, pattern: Node) -> bool:
        if pattern[0] == "always":
            return True
        if pattern[0] != "range":
            return self.true(pattern)
        _, first, last, key = pattern
        if key not in self.ranges and not self.true(first):
            return False
        self.ranges.add(key)
        if self.true(last):
            self.ranges.discard(key)
        return True

    def do(self, node: Node) -> None:
        """One statement."""
        getattr(self, f"_do_{node[0]}")(*node[1:])

    def _do_block(self, body: list[Node]) -> None:
        for node in body:
            self.do(node)

    def _do_do(self, node: Node) -> None:
        self.value(node)

    def _do_if(self, test: Node, yes: Node, no: Node | None) -> None:
        if self.true(test):
            self.do(yes)
        elif no is not None:
            self.do(no)

    def _round(self, body: Node) -> bool:
        """Whether the loop is over."""
        try:
            self.do(body)
        except AwkJump as jump:
            if jump.kind == "break":
                return True
            if jump.kind != "continue":
                raise
        return False

    def _do_while(self, test: Node, body: Node) -> None:
        while self.true(test):
            if self._round(body):
                return

    def _do_repeat(self, body: Node, test: Node) -> None:
        while not self._round(body) and self.true(test):
            pass

    def _do_for(self, first: Node | None, test: Node | None, step: Node | None, body: Node) -> None:
        if first is not None:
            self.do(first)
        while test is None or self.true(test):
            if self._round(body):
                return
            if step is not None:
                self.do(step)

    def _do_each(self, name: str, array: str, body: Node) -> None:
        for key in list(self.array(array)):
            self.set(name, Input(key))
            if self._round(body):
                return

    def _do_next(self) -> None:
        raise AwkJump("next")

    def _do_nextfile(self) -> None:
        raise AwkFault("'nextfile' is not known to the sandbox's awk")

    def _do_break(self) -> None:
        raise AwkJump("break")

    def _do_continue(self) -> None:
        raise AwkJump("continue")

    def _do_exit(self, node: Node | None) -> None:
        raise AwkJump("exit", "" if node is None else self.value(node))

    def _do_return(self, node: Node | None) -> None:
        raise AwkJump("return", UNSET if node is None else self.value(node))

    def _do_delete(self, name: str, subscript: list[Node] | None) -> None:
        if subscript is None:
            self.array(name).clear()
        else:
            self.array(name).pop(self._key(subscript), None)

    def _do_print(self, nodes: list[Node], how: str, target: Node | None) -> None:
        form = str(self.names["OFMT"])
        values = [text(self.value(node), form) for node in nodes] or [self.text(self.field(0))]
        line = self.text(self.get("OFS")).join(values) + self.text(self.get("ORS"))
        self._write(line, how, target)

    def _do_printf(self, nodes: list[Node], how: str, target: Node | None) -> None:
        values = [self.value(node) for node in nodes]
        if not values:
            raise AwkFault("printf has no format")
        self._write(formatted(self.text(values[0]), values[1:]), how, target)

    def _write(self, line: str, how: str, target: Node | None) -> None:
        name = "" if target is None else self.text(self.value(target))
        self.streams.target(how, name).write(line)

    # -- expressions -----------------------------------------------------------------------------

    def value(self, node: Node) -> Value:
        """One expression."""
        return getattr(self, f"_of_{node[0]}")(*node[1:])  # type: ignore[no-any-return]

    def true(self, node: Node) -> bool:
        value = self.value(node)
        return truth(value)

    def regex(self, node: Node) -> re.Pattern[str]:
        return regex(node[1] if node[0] == "regex" else self.text(self.value(node)))

    def _key(self, subscript: list[Node]) -> str:
        return str(self.names["SUBSEP"]).join(self.text(self.value(node)) for node in subscript)

    def _of_number(self, value: float) -> Value:
        return value

    def _of_string(self, value: str) -> Value:
        return value

    def _of_regex(self, source: str) -> Value:
        return float(regex(source).search(self.text(self.field(0))) is not None)

    def _of_name(self, name: str) -> Value:
        return self.get(name)

    def _of_field(self, node: Node) -> Value:
        return self.field(int(number(self.value(node))))

    def _of_element(self, name: str, subscript: list[Node]) -> Value:
        return self.array(name).setdefault(self._key(subscript), UNSET)

    def _of_group(self, nodes: list[Node]) -> Value:
        if len(nodes) > 1:
            raise AwkFault("a list in parentheses is no value")
        return self.value(nodes[0])

    def assign(self, place: Node, value: Value) -> None:
        if place[0] == "name":
            if self.is_array(place[1]):
                raise AwkFault(f"array '{place[1]}' is used as a value")
            self.set(place[1], value)
        elif place[0] == "element":
            self.array(place[1])[self._key(place[2])] = value
        elif place[0] == "field":
            self._set_field(int(number(self.value(place[1]))), value)
        else:
            raise AwkFault("what is assigned to is no variable")

    def _of_assign(self, mark: str, place: Node, node: Node) -> Value:
        value = self.value(node)
        if mark:
            value = _calculated(mark, number(self.value(place)), number(value))
        self.assign(place, value)
        return value

    def _of_step(self, mark: str, first: bool, place: Node) -> Value:
        before = number(self.value(place))
        after = before + (1 if mark == "++" else -1)
        self.assign(place, after)
        return after if first else before

    def _of_choose(self, test: Node, yes: Node, no: Node) -> Value:
        return self.value(yes if self.true(test) else no)

    def _of_or(self, one: Node, two: Node) -> Value:
        return float(self.true(one) or self.true(two))

    def _of_and(self, one: Node, two: Node) -> Value:
        return float(self.true(one) and self.true(two))

    def _of_in(self, subscript: list[Node], name: str) -> Value:
        return float(self._key(subscript) in self.array(name))

    def _of_match(self, mark: str, one: Node, two: Node) -> Value:
        found = self.regex(two).search(self.text(self.value(one))) is not None
        return float(found == (mark == "~"))

    def _of_compare(self, mark: str, one: Node, two: Node) -> Value:
        way = order(self.value(one), self.value(two))
        return float({"<": way < 0, "<=": way <= 0, "==": way == 0, "!=": way != 0,
                      ">": way > 0, ">=": way >= 0}[mark])  # fmt: skip

    def _of_join(self, one: Node, two: Node) -> Value:
        return self.text(self.value(one)) + self.text(self.value(two))

    def _of_calculate(self, mark: str, one: Node, two: Node) -> Value:
        return _calculated(mark, number(self.value(one)), number(self.value(two)))

    def _of_unary(self, mark: str, node: Node) -> Value:
        if mark == "!":
            return float(not self.true(node))
        return number(self.value(node)) * (-1 if mark == "-" else 1)

    def _of_function(self, name: str, nodes: list[Node] | None) -> Value:
        return call(self, name, nodes)

    def _of_call(self, name: str, nodes: list[Node]) -> Value:
        if name not in self.program.functions:
            raise AwkFault(f"function '{name}' is not defined")
        parameters, body = self.program.functions[name]
        frame: dict[str, Any] = dict.fromkeys(parameters)
        for parameter, node in zip(parameters, nodes, strict=False):
            frame[parameter] = self._argument(node)
            if frame[parameter] is None:
                frame.setdefault(GIVEN, {})[parameter] = (self._room(node[1]), node[1])
        self.frames.append(frame)
        try:
            self.do(body)
        except AwkJump as jump:
            if jump.kind != "return":
                raise
            return jump.value
        finally:
            self.frames.pop()
        return UNSET

    def _argument(self, node: Node) -> Any:
        """Arrays go by reference; a name that nobody set may become one."""
        if node[0] != "name":
            return self.value(node)
        if self.is_array(node[1]):
            return self.array(node[1])
        return self._room(node[1]).get(node[1])

    def _of_getline(self, how: str, source: Node | None, place: Node | None) -> Value:
        if source is None:
            line = self._next_line()
        else:
            try:
                file = self.streams.source(how, self.text(self.value(source)))
            except OSError:
                return -1.0
            read = file.readline()
            line = read.removesuffix("\n") if read else None
        if line is None:
            return 0.0
        if place is None:
            self.take_line(line)
        else:
            self.assign(place, Input(line))
        return 1.0


def _array_in(room: dict[str, Any], name: str) -> dict[str, Value]:
    """The array of a name; one that nobody set becomes one, also where it was given from."""
    if room.get(name) is None:
        given = room.get(GIVEN, {}).get(name)
        room[name] = _array_in(*given) if given else {}
    if not isinstance(room[name], dict):
        raise AwkFault(f"'{name}' is not an array")
    found: dict[str, Value] = room[name]
    return found


def _calculated(mark: str, one: float, two: float) -> float:
    if mark in "/%" and two == 0:
        raise AwkFault("division by zero")
    if mark == "%":
        return math.fmod(one, two)
    if mark == "^":
        return float(one**two)
    return {"+": one + two, "-": one - two, "*": one * two}[mark] if mark != "/" else one / two


def records(text_of: Iterator[str], separator: Callable[[], str]) -> Iterator[str]:
    """Records of input that comes line by line: lines, paragraphs, or what RS ends."""
    held = ""
    for line in text_of:
        mark = separator()
        if mark == "\n" and not held:
            yield line.removesuffix("\n")
            continue
        held += line
        if mark == "":
            if line == "\n":
                if held.strip("\n"):
                    yield held.strip("\n")
                held = ""
            continue
        form = re.compile(re.escape(mark)) if len(mark) == 1 else regex(mark)
        while found := form.search(held):
            yield held[: found.start()]
            held = held[found.end() :]
    if held.strip("\n") or (held and separator() != "" and held != "\n"):
        yield held.strip("\n") if separator() == "" else held.removesuffix("\n")
