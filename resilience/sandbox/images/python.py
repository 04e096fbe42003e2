"""`python:*`: the interpreter's command line, run inside the forked process.

Supports the usual command lines in containers: `-c`, `-m`, a script (usually from a mounted
ConfigMap), `-u`, `-V`, and flags without an effect here. Without a program it reads stdin: line by
line at a terminal, else to its end.
"""

from __future__ import annotations

import code
import io
import os
import platform
import runpy
import sys
import traceback
import types
from typing import Any

IGNORED = frozenset("bBdEiIOPqRsSvx")
"""Flags that are accepted and change nothing in a warm interpreter."""
WITH_VALUE = frozenset("WX")


class UsageError(Exception):
    """A command line that python would refuse with exit code 2."""


def main(argv: list[str]) -> int:
    """Run `python ARGUMENTS`; returns 0, or raises what the program raised (SystemExit
    included)."""
    try:
        mode, value, rest = _parse(argv[1:])
    except UsageError as error:
        print(f"{error}\nusage: python [option] ... [-c cmd | -m mod | file | -]", file=sys.stderr)
        return 2
    if os.environ.get("PYTHONUNBUFFERED"):
        _unbuffer()
    for entry in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if entry:
            sys.path.insert(0, _real(entry))
    if mode == "version":
        print(f"Python {platform.python_version()}")
        return 0
    return _run(mode, value, rest)


def _parse(arguments: list[str]) -> tuple[str, str, list[str]]:
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "-" or not argument.startswith("-"):
            return ("stdin" if argument == "-" else "script"), argument, [argument, *rest]
        if argument in ("-V", "--version", "-VV"):
            return "version", "", []
        mode = _option(argument, rest)
        if mode is not None:
            return mode
    return "stdin", "", [""]


def _option(argument: str, rest: list[str]) -> tuple[str, str, list[str]] | None:
    """Walk one cluster of short options; a program if it holds `c` or `m`."""
    for place, letter in enumerate(argument[1:], 1):
        tail = argument[place + 1 :]
        if letter in "cm":
            if not tail and not rest:
                raise UsageError(f"Argument expected for the -{letter} option")
            value = tail or rest.pop(0)
            return ("code" if letter == "c" else "module"), value, [f"-{letter}", *rest]
        if letter in WITH_VALUE:
            if not tail:
                rest.pop(0)
            return None
        if letter == "u":
            _unbuffer()
        elif letter not in IGNORED:
            raise UsageError(f"Unknown option: -{letter}")
    return None


def _unbuffer() -> None:
    # As the interpreter itself does it: the text layer right above the raw file.
    for name in ("stdout", "stderr"):
        raw = io.FileIO(getattr(sys, name).fileno(), "w", closefd=False)
        setattr(sys, name, io.TextIOWrapper(raw, encoding="utf-8", write_through=True))


def _run(mode: str, value: str, argv: list[str]) -> int:
    sys.argv = argv
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        if mode == "module":
            sys.path.insert(0, os.getcwd())
            runpy.run_module(value, run_name="__main__", alter_sys=True)
        elif mode == "script":
            sys.path.insert(0, os.path.dirname(_real(value)))
            _execute(_read(value), value, module, {"__file__": value})
        elif mode == "stdin" and sys.stdin.isatty():
            sys.path.insert(0, "")
            code.interact(local=module.__dict__, exitmsg="")
        else:
            sys.path.insert(0, "")
            text = value if mode == "code" else sys.stdin.read()
            _execute(text, "<string>" if mode == "code" else "<stdin>", module, {})
    except (SystemExit, KeyboardInterrupt):
        raise
    except _NoScript as error:
        print(error, file=sys.stderr)
        return 2
    except BaseException as error:  # noqa: BLE001 # what the interpreter does with any of them
        _print(error)
        return 1
    return 0


class _NoScript(Exception):
    """The script cannot be read."""


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read().decode()
    except OSError as error:
        raise _NoScript(
            f"python: can't open file {path!r}: [Errno {error.errno}] {error.strerror}"
        ) from error


def _execute(text: str, name: str, module: types.ModuleType, more: dict[str, Any]) -> None:
    module.__dict__.update(more, __builtins__=__builtins__)
    exec(compile(text, name, "exec", dont_inherit=True), module.__dict__)


def _real(path: str) -> str:
    """The real path for the interpreter's own import, which does not use the path translation."""
    from resilience.sandbox.inside import volume_paths

    return volume_paths.installed.real_text(path)


def _print(error: BaseException) -> None:
    """The traceback from the program's own first line on, without the frames that started it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in _OURS:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


_OURS = (__file__, runpy.__file__, "<frozen runpy>")
