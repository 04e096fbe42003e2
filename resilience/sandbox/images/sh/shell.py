"""`sh`: the shell of the images, for entrypoints, hooks, probes and `kubectl exec`.

The language of POSIX (XCU 2) as scripts in manifests use it: pipes, loops, functions, traps,
here-documents, substitutions. Programs are those of the image (see `toolbox`), run in this process
where possible, else in a fork. `shell_start` begins one. Not supported: job control and aliases.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import NoReturn

from resilience.sandbox.host import linux
from resilience.sandbox.images.matching.shell_patterns import matches
from resilience.sandbox.images.sh import (
    shell_arrays,
    shell_builtins,
    shell_conditions,
    shell_redirect,
)
from resilience.sandbox.images.sh.shell_arithmetic import ArithmeticFault
from resilience.sandbox.images.sh.shell_control import (
    Interrupted,
    Jump,
    Return,
    exit_code,
    wait_for,
)
from resilience.sandbox.images.sh.shell_expansion import Expansion, ExpansionError
from resilience.sandbox.images.sh.shell_parser import parse
from resilience.sandbox.images.sh.shell_tree import (
    AndOr,
    Case,
    Conditional,
    For,
    Function,
    Group,
    If,
    Literal,
    Loop,
    Node,
    Pipeline,
    Redirection,
    Sequence,
    Simple,
    Word,
)
from resilience.sandbox.images.sh.shell_words import ShellSyntaxError
from resilience.sandbox.inside import pid1

USAGE = 2
CANNOT_RUN = 126
NOT_FOUND = 127
INTERRUPTED = 130
PIECE = 1 << 16
_SHELLS = ("ash", "bash", "sh")


class Shell:
    """One shell: its variables, functions, options and children."""

    def __init__(self, name: str = "sh", arguments: list[str] | None = None) -> None:
        self.name = name
        self.pid = os.getpid()
        """Of this shell, also in its subshells."""
        self.arguments = arguments or []
        self.status = 0
        self.strict = self.stops = self.traces = self.pipefail = False
        """`set -u`, `-e`, `-x` and `-o pipefail`."""
        self.own: dict[str, str] = {}
        """Variables that are not exported; the others are the environment."""
        self.locals: list[dict[str, str | None]] = []
        """For each function that is running: the values that its `local` variables had before."""
        self.arrays: dict[str, dict[int, str]] = {}
        self.begun = time.monotonic()
        self.constants: set[str] = set()
        self.option_at = 1
        """Where in a word `getopts` continues."""
        self.functions: dict[str, Node] = {}
        self.traps: dict[str, str] = {}
        self.jobs: list[int] = []
        self._waiting = self._replaced = False
        self.is_bash = self.nullglob = False
        self._opened: list[int] = []
        self._due: list[str] = []
        self._tested = 0
        self._expansion = Expansion(self)

    # -- variables -------------------------------------------------------------------------------

    def variable(self, name: str) -> str | None:
        """The value of a variable or special parameter, None if it is not set."""
        if name.isdigit():
            number = int(name)
            if number == 0:
                return self.name
            return self.arguments[number - 1] if number <= len(self.arguments) else None
        if name in _SPECIAL and name not in self.own:
            return _SPECIAL[name](self)
        if name in self.arrays:
            return self.arrays[name].get(0)
        return self.own.get(name, os.environ.get(name))

    def may_change(self, name: str) -> None:
        """ExpansionError if the name is read-only."""
        if name in self.constants:
            raise ExpansionError(f"{name}: is read only")

    def export(self, name: str, value: str) -> None:
        """Set a variable of this shell and of what it starts."""
        self.may_change(name)
        os.environ[name] = value
        self.own.pop(name, None)

    def separators(self) -> tuple[str, str]:
        """IFS: an expression for what separates fields, and its blanks."""
        return self._expansion.separators(), self._expansion.blanks()

    def assign(self, name: str, value: str) -> None:
        """Set a variable; an exported one stays exported. ExpansionError if it is read-only."""
        self.may_change(name)
        if name in os.environ:
            os.environ[name] = value
        else:
            self.own[name] = value

    # -- running ---------------------------------------------------------------------------------

    def script(self, text: str) -> int:
        """Run a whole script; its exit code. A script with a syntax error does not run at all."""
        try:
            return self.run(parse(text))
        except ShellSyntaxError as error:
            return self._complain(str(error), USAGE)
        except (ExpansionError, ArithmeticFault) as error:
            self._complain(str(error), USAGE)
            raise SystemExit(USAGE) from None

    def whole(self, text: str) -> int:
        """Run a script, and what it trapped for its end."""
        try:
            code = self.script(text)
        except SystemExit as leaving:
            code = exit_code(leaving)
        except Return as leaving:
            code = leaving.code
        except Jump:
            code = self.status
        return self.at_exit(code)

    def file(self, path: str) -> int:
        """Run the script in a file, which may ask for bash in its first line."""
        try:
            with open(path, errors="replace") as file:
                text = file.read()
        except OSError as error:
            print(f"sh: {path}: {error.strerror}", file=sys.stderr)
            return NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
        first = text.partition("\n")[0].rstrip()
        self.is_bash = self.is_bash or (first.startswith("#!") and first.endswith("bash"))
        return self.whole(text)

    def run(self, node: Node) -> int:
        """Run one command of any kind; its exit code, which is `$?` from then on."""
        kinds: dict[type, Callable[..., int]] = {
            Simple: self._simple, Pipeline: self._pipeline, AndOr: self._and_or,
            Sequence: self._sequence, Conditional: self._conditional, If: self._if,
            Loop: self._loop, For: self._for, Case: self._case, Group: self._group,
            Function: self._define,
        }  # fmt: skip
        self.status = kinds[type(node)](node)
        self._run_traps()
        return self.status

    def _sequence(self, node: Sequence) -> int:
        code = 0
        for inner, background in node.items:
            if background:
                self.jobs.append(self.fork(partial(self.run, inner), quiet=True))
                code = 0
                continue
            code = self.run(inner)
            if code and self.stops and not self._tested and _is_checked(inner):
                raise SystemExit(code)
        return code

    def _and_or(self, node: AndOr) -> int:
        code = 0
        for number, (operator, inner) in enumerate(node.members):
            if operator and (code == 0) != (operator == "&&"):
                continue
            last = number == len(node.members) - 1
            code = self.run(inner) if last else self._asked(inner)
            if last and code and self.stops and not self._tested:
                raise SystemExit(code)
        return code

    def _asked(self, node: Node) -> int:
        """Run a condition: its failure does not end the script."""
        self._tested += 1
        try:
            return self.run(node)
        finally:
            self._tested -= 1

    def _pipeline(self, node: Pipeline) -> int:
        if node.negated:
            inner = node.commands[0] if len(node.commands) == 1 else Pipeline(node.commands, False)
            return int(not self._asked(inner))
        source, children = 0, []
        for number, command in enumerate(node.commands):
            last = number == len(node.commands) - 1
            reading, target = (-1, 1) if last else os.pipe()
            children.append(self.fork(partial(self.run, command), source, target, close=reading))
            for descriptor in (source, target):
                if descriptor > 2:
                    os.close(descriptor)
            source = reading
        codes = [wait_for(child) for child in children]
        failed = [code for code in codes if code]
        return failed[-1] if self.pipefail and failed else codes[-1]

    def _if(self, node: If) -> int:
        for condition, body in node.branches:
            if self._asked(condition) == 0:
                return self.run(body)
        return self.run(node.otherwise) if node.otherwise is not None else 0

    def _loop(self, node: Loop) -> int:
        code = 0
        while (self._asked(node.condition) == 0) != node.until:
            done, code = self._round(node.body)
            if done:
                break
            if node.after is not None:
                self._asked(node.after)
        return code

    def _for(self, node: For) -> int:
        words = self.arguments if node.words is None else self._expansion.fields(node.words)
        code = 0
        for word in list(words):
            self.assign(node.name, word)
            done, code = self._round(node.body)
            if done:
                break
        return code

    def _round(self, body: Node) -> tuple[bool, int]:
        """One round of a loop: whether it was the last, and its code."""
        try:
            return False, self.run(body)
        except Jump as jump:
            if jump.levels > 1:
                raise Jump(jump.levels - 1, again=jump.again) from None
            return not jump.again, 0

    def _case(self, node: Case) -> int:
        subject = self._expansion.text(node.subject)
        for patterns, body in node.branches:
            if any(matches(self._expansion.pattern(pattern), subject) for pattern in patterns):
                return self.run(body)
        return 0

    def _group(self, node: Group) -> int:
        if node.subshell:
            return wait_for(self.fork(lambda: self._redirected(node)))
        return self._redirected(node)

    def _redirected(self, node: Group) -> int:
        try:
            with (
                self._files_of_commands(),
                shell_redirect.applied(node.redirections, self._expansion.text),
            ):
                return self.run(node.body)
        except OSError as error:
            return self._complain(f"{error.filename}: {error.strerror}", 1)

    def _conditional(self, node: Conditional) -> int:
        return shell_conditions.check(self, self._expansion, node.tokens)

    def _define(self, node: Function) -> int:
        self.functions[node.name] = node.body
        return 0

    @contextmanager
    def _files_of_commands(self) -> Iterator[None]:
        """What `<(...)` opens in the block is closed at its end."""
        before = len(self._opened)
        try:
            yield
        finally:
            for descriptor in self._opened[before:]:
                os.close(descriptor)
            del self._opened[before:]

    def _simple(self, node: Simple) -> int:
        with self._files_of_commands():
            return self._command(node)

    def _command(self, node: Simple) -> int:
        before = self.status
        words = self._expansion.fields(node.words)
        if self.traces and words:
            print("+", *words, file=sys.stderr)
        values: list[tuple[str, str]] = []
        for each in node.assignments:
            if words:
                values.append((each.name, self._expansion.text(each.value)))
            else:
                shell_arrays.assign(self, self._expansion, each)
        if not words:
            substituted = self.status if self.status != before else 0
            return self._nothing(node) or (substituted if node.assignments else 0)
        try:
            if words[0] == "exec":
                shell_redirect.for_good(node.redirections, self._expansion.text)
                if words[1:]:
                    self._replaced = True
                    raise SystemExit(self._with(values, words[1:]))
                return 0
            with shell_redirect.applied(node.redirections, self._expansion.text):
                return self._with(values, words)
        except OSError as error:
            return self._complain(f"{error.filename or words[0]}: {error.strerror}", 1)

    def _nothing(self, node: Simple) -> int:
        """Redirections without a command: files are created, or missing ones reported."""
        try:
            with shell_redirect.applied(node.redirections, self._expansion.text):
                return 0
        except OSError as error:
            return self._complain(f"{error.filename}: {error.strerror}", 1)

    def _with(self, values: list[tuple[str, str]], words: list[str]) -> int:
        """Run a command with variables of its own."""
        saved = {name: os.environ.get(name) for name, _ in values}
        os.environ.update(values)
        try:
            return self.start(words)
        finally:
            for name, value in saved.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    def start(self, words: list[str]) -> int:
        """A function, a builtin or a program of the image."""
        function = self.functions.get(words[0])
        if function is not None:
            return self._call(function, words[1:])
        builtin = shell_builtins.BUILTINS.get(words[0])
        if builtin is not None:
            return builtin(self, words)
        return self.program(words)

    def _call(self, body: Node, arguments: list[str]) -> int:
        saved, self.arguments = self.arguments, arguments
        self.locals.append({})
        try:
            return self.run(body)
        except Return as leaving:
            return leaving.code
        finally:
            self.arguments = saved
            for name, value in self.locals.pop().items():
                self.own.pop(name, None) if value is None else self.assign(name, value)

    def program(self, words: list[str]) -> int:
        """A program of the image, or a script that is a file. Another shell is a process of its
        own: it may set traps, and kill itself."""
        if os.path.basename(words[0]) in _SHELLS and not self._replaced:
            return wait_for(self.fork(lambda: self._program(words)))
        return self._program(words)

    def _program(self, words: list[str]) -> int:
        from resilience.sandbox.images import catalogue

        image = catalogue.here()
        if not catalogue.has_program(image, words[0]):
            if "/" in words[0] and os.path.isfile(words[0]):
                return Shell(words[0], words[1:]).file(words[0])
            return self._complain(f"{words[0]}: not found", NOT_FOUND)
        try:
            return catalogue.run(image, words)
        except SystemExit as leaving:
            return exit_code(leaving)
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  nobody reads it any more
            return 128 + signal.SIGPIPE
        finally:
            sys.stdout.flush()

    def output_of(self, body: Node) -> str:
        """What a command prints; its code is `$?`. `$(< FILE)` is what the file contains."""
        if file := _read_only(body):
            body = Group(Simple((), (Word((Literal("cat"),)),), ()), False, (file,))
        reading, writing = os.pipe()
        child = self.fork(lambda: self.run(body), target=writing, close=reading)
        os.close(writing)
        pieces = []
        while piece := os.read(reading, PIECE):
            pieces.append(piece)
        os.close(reading)
        self.status = wait_for(child)
        return b"".join(pieces).decode(errors="replace")

    def file_of(self, body: Node) -> str:
        """The name of a file with what a command prints, for as long as its user runs."""
        reading, writing = os.pipe()
        self.fork(partial(self.run, body), target=writing, close=reading)
        os.close(writing)
        self._opened.append(reading)
        return f"/dev/fd/{reading}"

    # -- children --------------------------------------------------------------------------------

    def fork(
        self,
        body: Callable[[], int],
        source: int = 0,
        target: int = 1,
        *,
        close: int = -1,
        quiet: bool = False,
    ) -> int:
        """A child that runs `body` between two descriptors; `quiet` ones do not read this
        shell's input."""
        sys.stdout.flush()
        parent = os.getpid()
        trapped = self._trapped()
        # One that comes before the child has left the traps behind must end it all the same.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, trapped)
        child = os.fork()
        if child == 0:
            self._become(body, source, target, close, parent, before, quiet=quiet)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return child

    def _become(
        self,
        body: Callable[[], int],
        source: int,
        target: int,
        close: int,
        parent: int,
        mask: set[signal.Signals | int],
        *,
        quiet: bool,
    ) -> NoReturn:
        code = 1
        try:
            linux.die_with_parent(parent)
            self._untrap()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            if quiet:
                source = os.open(os.devnull, os.O_RDONLY)
            if close > 2:
                os.close(close)
            for descriptor, own in ((source, 0), (target, 1)):
                if descriptor != own:
                    os.dup2(descriptor, own)
                    if descriptor > 2:
                        os.close(descriptor)
            code = self.at_exit(self._guarded(body))
        finally:
            try:
                sys.stdout.flush()
                if sys.exc_info()[0] is not None:
                    traceback.print_exc()
            except OSError:
                pass  # nothing reads it any more
            os._exit(code & 0xFF)

    def _untrap(self) -> None:
        """Trapped signals end a child, as they do before any `trap`; ignored ones stay so."""
        for number in self._trapped():
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, usual)
        self.traps.clear()

    def _trapped(self) -> list[signal.Signals]:
        return [
            signal.Signals[f"SIG{condition}"]
            for condition, action in self.traps.items()
            if action and condition != "EXIT"
        ]

    def _guarded(self, body: Callable[[], int]) -> int:
        try:
            return body()
        except SystemExit as leaving:
            return exit_code(leaving)
        except Return as leaving:
            return leaving.code
        except (ExpansionError, ArithmeticFault) as error:
            return self._complain(str(error), USAGE)

    # -- traps -----------------------------------------------------------------------------------

    def hear(self, number: int, _frame: FrameType | None) -> None:
        """A trapped signal: its action runs after the present command."""
        self._due.append(signal.Signals(number).name.removeprefix("SIG"))
        if self._waiting:
            raise Interrupted(number)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A trapped signal ends what is done here with Interrupted, also if it came just before."""
        self._waiting = True
        try:
            if self._due:
                raise Interrupted(signal.Signals[f"SIG{self._due[0]}"])
            yield
        finally:
            self._waiting = False

    def _run_traps(self) -> None:
        while self._due:
            status = self.status
            self.script(self.traps.get(self._due.pop(0), ""))
            self.status = status

    def at_exit(self, code: int) -> int:
        """Run `trap ... EXIT`; the code with which the shell ends."""
        action = self.traps.pop("EXIT", None)
        if action is None:
            return code
        self.status = code
        try:
            self.script(action)
        except SystemExit as leaving:
            return exit_code(leaving)
        return code

    def _complain(self, why: str, code: int) -> int:
        sys.stdout.flush()
        print(f"{self.name}: {why}", file=sys.stderr)
        return code


def _is_checked(node: Node) -> bool:
    """Whether `set -e` ends the script if this fails; `! COMMAND` never does."""
    if isinstance(node, Pipeline):
        return not node.negated
    return isinstance(node, Simple | Conditional)


def _read_only(body: Node) -> Redirection | None:
    """The redirection of a command that is nothing but `< FILE`."""
    if not isinstance(body, Sequence) or len(body.items) != 1:
        return None
    node = body.items[0][0]
    if not isinstance(node, Simple) or node.words or node.assignments:
        return None
    only = node.redirections[0] if len(node.redirections) == 1 else None
    return only if only and (only.descriptor, only.operator) == (0, "<") else None


_SPECIAL: dict[str, Callable[[Shell], str | None]] = {
    "?": lambda shell: str(shell.status),
    "#": lambda shell: str(len(shell.arguments)),
    "@": lambda shell: " ".join(shell.arguments) if shell.arguments else None,
    "*": lambda shell: " ".join(shell.arguments) if shell.arguments else None,
    "$": lambda shell: "1" if shell.pid == pid1.main() else str(shell.pid),
    "!": lambda shell: str(shell.jobs[-1]) if shell.jobs else None,
    "RANDOM": lambda shell: str(random.randrange(1 << 15)),
    "SECONDS": lambda shell: str(int(time.monotonic() - shell.begun)),
    "PPID": lambda shell: str(os.getppid()),
    "-": lambda shell: "e" * shell.stops + "u" * shell.strict + "x" * shell.traces,
}
"""Parameters that the shell itself knows."""
