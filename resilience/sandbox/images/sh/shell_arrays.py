"""Assignments, and the indexed arrays of bash: `a=(x y)`, `a[2]=z`, `a+=(w)`, `${a[@]}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resilience.sandbox.images.sh.shell_arithmetic import evaluate
from resilience.sandbox.images.sh.shell_tree import Assignment

if TYPE_CHECKING:
    from resilience.sandbox.images.sh.shell import Shell
    from resilience.sandbox.images.sh.shell_expansion import Expansion


def assign(shell: Shell, expansion: Expansion, given: Assignment) -> None:
    """Set a variable, an element or a whole array; `+=` adds to what there is."""
    name, array = given.name, shell.arrays.get(given.name)
    if given.values is not None:
        shell.may_change(name)
        before = array if given.adds and array is not None else {}
        if given.adds and array is None and (text := shell.variable(name)) is not None:
            before = {0: text}
        first = max(before, default=-1) + 1
        added = dict(enumerate(expansion.fields(given.values), first))
        shell.arrays[name] = {**before, **added}
        return
    value = expansion.text(given.value)
    if given.index is None and array is None:
        shell.assign(name, (shell.variable(name) or "") + value if given.adds else value)
        return
    shell.may_change(name)
    array = shell.arrays.setdefault(name, {})
    at = 0 if given.index is None else place(shell, array, expansion.text(given.index))
    array[at] = array.get(at, "") + value if given.adds else value


def place(shell: Shell, array: dict[int, str], index: str) -> int:
    """The place that an index names; a negative one counts from the end."""
    at = evaluate(index, shell)
    return at if at >= 0 else max(array, default=-1) + 1 + at


def values(shell: Shell, name: str) -> list[str]:
    """Those of an array in order; a variable is an array of one."""
    array = shell.arrays.get(name)
    if array is not None:
        return [array[at] for at in sorted(array)]
    value = shell.variable(name)
    return [] if value is None else [value]
