"""How a shell begins: with a line, a file, or the lines of its input."""

from __future__ import annotations

import os
import sys

from resilience.sandbox.images.sh import shell_builtins
from resilience.sandbox.images.sh.shell import INTERRUPTED, Shell
from resilience.sandbox.images.sh.shell_control import exit_code
from resilience.sandbox.images.sh.shell_expansion import ExpansionError
from resilience.sandbox.images.sh.shell_parser import parse
from resilience.sandbox.images.sh.shell_words import ShellSyntaxError, Unclosed


def run_line(line: str, arguments: list[str], options: str = "", name: str = "sh") -> int:
    """`sh -c LINE NAME ARGUMENTS`, called as `name`; the exit code."""
    own_name = arguments[0] if arguments else name
    return _begun(name, Shell(own_name, arguments[1:]), options).whole(line)


def run_file(path: str, arguments: list[str], options: str = "", name: str = "sh") -> int:
    """`sh FILE ARGUMENTS`, called as `name`; the exit code."""
    return _begun(name, Shell(path, arguments), options).file(path)


def converse(name: str = "sh") -> int:
    """Run the lines of stdin until it ends or one says `exit`; at a terminal with a prompt."""
    terminal = os.isatty(0)
    first = ("# " if os.geteuid() == 0 else "$ ") if terminal else ""
    shell, text = _begun(name, Shell(name)), ""
    while True:
        print(("> " if text else first) if terminal else "", end="", flush=True)
        try:
            line = sys.stdin.readline()
            if not line:
                return shell.at_exit(shell.script(text) if text else shell.status)
            text += line
            if not _is_open(text):
                line, text = text, ""
                shell.status = shell.script(line)
        except KeyboardInterrupt:
            print()
            text, shell.status = "", INTERRUPTED
        except SystemExit as leaving:
            code = shell.at_exit(exit_code(leaving))
            if not terminal or not isinstance(leaving.__context__, ExpansionError):
                return code


def _begun(name: str, shell: Shell, options: str = "") -> Shell:
    """The shell, called as `name` with these options."""
    shell.is_bash = os.path.basename(name) == "bash"
    shell_builtins.switch(shell, options)
    return shell


def _is_open(text: str) -> bool:
    try:
        parse(text)
    except Unclosed:
        return True
    except ShellSyntaxError:
        pass
    return False
