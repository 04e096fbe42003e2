"""Small wrong changes to a source: which there are, and the code of a function with one of them.

A mutation is a place in the syntax tree and a change: a comparison turned round or moved by one, a
clause of a condition left out, `and` for `or`, a condition negated, a number moved by one, a truth
value turned round, a call or a `raise` left out, a filter of a comprehension dropped, `None`
returned. Texts are left alone. Only bodies of functions are changed, since only these can be
exchanged in a running process.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
Function = ast.FunctionDef | ast.AsyncFunctionDef
Change = Callable[[], None]
"""Carries out a change in the tree that it was found in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """The `number`th change in one function of one file."""

    file: str
    function: str
    first_line: int
    line: int
    number: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.what}"


def of_file(root: Path, file: str, only: str = "") -> list[Mutation]:
    """Every mutation of a file, or of one function of it."""
    tree = ast.parse((root / file).read_text())
    found = []
    for function in _functions(tree):
        if only and function.name != only:
            continue
        for number, (line, what, _) in enumerate(_changes(function)):
            found.append(
                Mutation(
                    file=file, function=function.name, first_line=_first_line(function),
                    line=line, number=number, what=what,
                )
            )  # fmt: skip
    return found


def code_with(root: Path, mutation: Mutation) -> CodeType:
    """The function's code with the mutation in it."""
    path = root / mutation.file
    tree = ast.parse(path.read_text())
    function = next(
        f
        for f in _functions(tree)
        if (f.name, _first_line(f)) == (mutation.function, mutation.first_line)
    )
    changes = list(_changes(function))
    changes[mutation.number][2]()
    ast.fix_missing_locations(tree)
    whole = compile(tree, str(path), "exec", dont_inherit=True)
    return next(
        code
        for code in _codes(whole)
        if (code.co_name, code.co_firstlineno) == (mutation.function, mutation.first_line)
    )


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _functions(tree: ast.Module) -> Iterator[Function]:
    """Functions of the module and methods of its classes; nested ones are part of theirs."""
    bodies: list[list[ast.stmt]] = [tree.body]
    while bodies:
        for statement in bodies.pop(0):
            if isinstance(statement, Function):
                yield statement
            elif isinstance(statement, ast.ClassDef):
                bodies.append(statement.body)


def _first_line(function: Function) -> int:
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def _changes(function: Function) -> Iterator[tuple[int, str, Change]]:
    """Line, wording and deed of each change, in the order of the source."""
    for owner, field, at, node in _nodes(function):
        for what, change in _of_node(owner, field, at, node):
            yield getattr(node, "lineno", getattr(owner, "lineno", function.lineno)), what, change


def _nodes(function: Function) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Each node below a function's body, with where it hangs."""
    stack: list[tuple[ast.AST, str, int | None, ast.AST]] = [
        (function, "body", at, statement) for at, statement in reversed([*enumerate(function.body)])
    ]
    while stack:
        owner, field, at, node = stack.pop()
        yield owner, field, at, node
        below: list[tuple[ast.AST, str, int | None, ast.AST]] = []
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "args"):
                continue
            if isinstance(value, ast.AST):
                below.append((node, name, None, value))
            elif isinstance(value, list):
                below += [(node, name, i, v) for i, v in enumerate(value) if isinstance(v, ast.AST)]
        if isinstance(node, ast.Call):
            below += [(node, "args", i, argument) for i, argument in enumerate(node.args)]
        stack += reversed(below)


def _of_node(
    owner: ast.AST, field: str, at: int | None, node: ast.AST
) -> Iterator[tuple[str, Change]]:
    def put(fresh: ast.AST) -> Change:
        def change() -> None:
            ast.copy_location(fresh, node)
            if at is None:
                setattr(owner, field, fresh)
            else:
                getattr(owner, field)[at] = fresh

        return change

    if isinstance(node, ast.expr):
        for what, fresh in _of_expression(node):
            yield what, put(fresh)
        if field == "test" and not isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp):
            negated = ast.UnaryOp(op=ast.Not(), operand=copy.deepcopy(node))
            yield f"not {_text(node)}", put(negated)
    elif isinstance(node, ast.comprehension):
        for number in range(len(node.ifs)):
            open_one = copy.deepcopy(node)
            dropped = open_one.ifs.pop(number)
            yield f"without if {_text(dropped)}", put(open_one)
    elif isinstance(node, ast.stmt):
        fresh_statement = _of_statement(node)
        if fresh_statement is not None:
            yield fresh_statement[0], put(fresh_statement[1])


def _of_expression(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            for other in _COMPARISONS[type(operator)]:
                fresh = copy.deepcopy(node)
                fresh.ops[at] = other()
                yield _text(fresh), fresh
    elif isinstance(node, ast.BoolOp):
        turned = copy.deepcopy(node)
        turned.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield _text(turned), turned
        for at in range(len(node.values)):
            shorter = copy.deepcopy(node)
            del shorter.values[at]
            left = shorter.values[0] if len(shorter.values) == 1 else shorter
            yield f"{_text(left)} (a clause left out)", left
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _text(node.operand), copy.deepcopy(node.operand)
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        if not _is_text(node.left) and not _is_text(node.right):
            swapped = copy.deepcopy(node)
            swapped.op = _OPERATORS[type(node.op)]()
            yield _text(swapped), swapped
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{not node.value}", ast.Constant(value=not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield f"{node.value + 1}", ast.Constant(value=node.value + 1)
    elif isinstance(node, ast.IfExp):
        yield f"always {_text(node.body)}", copy.deepcopy(node.body)
        yield f"always {_text(node.orelse)}", copy.deepcopy(node.orelse)


def _of_statement(node: ast.stmt) -> tuple[str, ast.stmt] | None:
    if isinstance(node, ast.Return) and node.value is not None:
        if isinstance(node.value, ast.Constant) and node.value.value is None:
            return None
        nothing = ast.Return(value=ast.Constant(value=None))
        return f"return None for {_text(node.value)}", nothing
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return f"without {_text(node)}", ast.Pass()
    if isinstance(node, ast.Raise | ast.AugAssign | ast.Delete):
        return f"without {_text(node)}", ast.Pass()
    if isinstance(node, ast.Continue):
        return "break for continue", ast.Break()
    if isinstance(node, ast.Break):
        return "continue for break", ast.Continue()
    return None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 90 else text[:87] + "..."
