"""The functions that awk has itself."""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING, Any

from resilience.sandbox.images.awk import awk_streams
from resilience.sandbox.images.awk.awk_texts import fields, formatted, pieces, regex, replaced
from resilience.sandbox.images.awk.awk_values import Input, Value, number

if TYPE_CHECKING:
    from resilience.sandbox.images.awk.awk_machine import AwkMachine

_MATH: dict[str, Any] = {"sin": math.sin, "cos": math.cos, "exp": math.exp}


def call(machine: AwkMachine, name: str, nodes: list[Any] | None) -> Value:
    """Call one with the nodes of its arguments."""
    special = _SPECIAL.get(name)
    if special is not None:
        found: Value = special(machine, nodes or [])
        return found
    return _plain(machine, name, [machine.value(node) for node in nodes or []])


def _plain(machine: AwkMachine, name: str, values: list[Value]) -> Value:
    first = values[0] if values else 0.0
    if name in ("tolower", "toupper"):
        return machine.text(first).lower() if name == "tolower" else machine.text(first).upper()
    if name == "substr":
        return _substr(machine.text(first), *map(number, values[1:]))
    if name == "index":
        return float(machine.text(first).find(machine.text(values[1])) + 1)
    if name == "sprintf":
        return formatted(machine.text(first), values[1:])
    if name == "int":
        return float(int(number(first)))
    if name in _MATH:
        return float(_MATH[name](number(first)))
    if name == "log":
        return math.log(number(first)) if number(first) > 0 else math.nan
    if name == "sqrt":
        return math.sqrt(number(first)) if number(first) >= 0 else math.nan
    if name == "atan2":
        return math.atan2(number(first), number(values[1]))
    if name == "rand":
        return machine.random.random()
    if name == "srand":
        before, machine.seed = machine.seed, number(first) if values else float(int(time.time()))
        machine.random = random.Random(machine.seed)
        return before
    if name == "system":
        machine.streams.flush()
        return float(awk_streams.ended(awk_streams.forked(machine.text(first), 0, 1)))
    if name == "close":
        return float(machine.streams.close(machine.text(first)))
    machine.streams.flush()
    return 0.0


def _substr(text: str, start: float, length: float = math.inf) -> str:
    """As busybox: a start before the text is the start of the text."""
    first = max(round(start), 1) - 1
    return text[first:] if length == math.inf else text[first : first + max(round(length), 0)]


def _length(machine: AwkMachine, nodes: list[Any]) -> Value:
    if nodes and nodes[0][0] == "name" and machine.is_array(nodes[0][1]):
        return float(len(machine.array(nodes[0][1])))
    return float(len(machine.text(machine.value(nodes[0]) if nodes else machine.field(0))))


def _split(machine: AwkMachine, nodes: list[Any]) -> Value:
    line, array = machine.text(machine.value(nodes[0])), machine.array(nodes[1][1])
    if len(nodes) < 3:
        found = fields(line, machine.text(machine.get("FS")))
    elif nodes[2][0] == "regex":
        found = [Input(each) for each in pieces(regex(nodes[2][1]), line)] if line else []
    else:
        found = fields(line, machine.text(machine.value(nodes[2])))
    array.clear()
    array.update({str(at): each for at, each in enumerate(found, 1)})
    return float(len(found))


def _sub(machine: AwkMachine, nodes: list[Any], count: int = 1) -> Value:
    place = nodes[2] if len(nodes) > 2 else ("field", ("number", 0.0))
    form = machine.regex(nodes[0])
    by, subject = machine.text(machine.value(nodes[1])), machine.text(machine.value(place))
    out, times = replaced(form, by, subject, count)
    if times:
        machine.assign(place, out)
    return float(times)


def _match(machine: AwkMachine, nodes: list[Any]) -> Value:
    found = machine.regex(nodes[1]).search(machine.text(machine.value(nodes[0])))
    start = float(found.start() + 1) if found else 0.0
    machine.set("RSTART", start)
    machine.set("RLENGTH", float(len(found[0])) if found else -1.0)
    return start


_SPECIAL: dict[str, Any] = {
    "length": _length, "split": _split, "sub": _sub, "match": _match,
    "gsub": lambda machine, nodes: _sub(machine, nodes, 0),
}  # fmt: skip
