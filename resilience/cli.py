"""The `resilience` command: everything that is not a test. Parsers only, no logic.

Exit codes: 0 done; 1 it could not be done, or something was found wrong (one line on stderr);
2 wrong usage; 130 Ctrl-C, 143 SIGTERM and 129 SIGHUP, after what was begun is taken back. `run`
ends with pytest's exit codes, see `resilience.harness.exits`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from resilience import __version__
from resilience.commands import CommandError, habits, settings
from resilience.commands.parsers import audit_parsers
from resilience.commands.parsers import backup_parsers as backup
from resilience.commands.parsers.backup_parsers import Subparsers
from resilience.commands.parsers.cluster_parsers import add_doctor, add_rbac, add_recover
from resilience.commands.parsers.scenario_parsers import (
    add_convert,
    add_history,
    add_run,
    add_schema,
    add_watch,
)
from resilience.commands.parsing import Parser
from resilience.commands.saying import say, warn
from resilience.commands.stop_signals import Stopped, stops
from resilience.commands.typed_words import unusable
from resilience.config.settings import BadSetting
from resilience.model.masks import MASKS, excerpt

GROUPS = ("backup", "ledger", "sandbox")
"""Commands that have commands of their own."""

ANSWERING = ("ledger", "run", "watch")
"""Commands that answer SIGTERM by themselves."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    given = habits.expanded(words, GROUPS)
    if problem := unusable(given):
        warn(f"error: {problem}")
        return 2
    if given[:1] == ["sandbox"]:
        # It has its own parser: the following arguments are passed on unchanged, including --help.
        from resilience.commands import sandbox

        return sandbox.hand_over(given[1:])
    if given in ([], ["backup"]):
        shown = parser() if not given else _group(parser(), given[0])
        shown.print_help(sys.stderr)
        return 2
    top = parser()
    if instead := habits.of_restores(given):
        top.typed(given).error(instead)
    options, rest = top.parse_known_args(given)
    if rest and options.command != "run":
        top.typed(given).unknown(rest)
    options.rest = rest
    return _carry_out(options)


def _group(top: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    """The parser of a command that has commands of its own."""
    groups = [each for each in top._actions if isinstance(each, argparse._SubParsersAction)]
    found: argparse.ArgumentParser = groups[0].choices[name]
    return found


def _carry_out(options: argparse.Namespace) -> int:
    from resilience.cluster.errors import ClusterError
    from resilience.config.targets import BadTarget

    try:
        MASKS.clear(settings(options).public)
        with nullcontext() if options.command in ANSWERING else stops():
            code = int(options.run(options))
        sys.stdout.flush()
        return code
    except (CommandError, ClusterError, BadSetting, BadTarget) as error:
        warn(f"error: {error}")
        return 1
    except Stopped as end:
        warn(f"error: ended by {end}")
        return end.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader closed the pipe (`| head`), which is not an error. The rest of the buffer goes
        # to /dev/null, else the flush at exit would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        # A path that was typed: too long, in a folder without access, a file in place of a folder.
        warn(f"error: {excerpt(str(error.filename), 80)}: {error.strerror}")
        return 1


def parser() -> Parser:
    """All commands."""
    top = Parser(
        prog="resilience",
        description="Prove that a Kubernetes service survives losing Pods and nodes.",
        epilog="Scenarios are pytest tests: run them with `pytest scenarios/`.",
    )
    top.add_argument("--version", action="version", version=f"resilience {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_scenarios(commands)
    _add_cluster(commands)
    backup.add_parsers(commands)
    _add_rest(commands)
    return top


def _add_scenarios(commands: Subparsers) -> None:
    add_run(
        commands.add_parser(
            "run",
            help="run scenarios: pytest with short option names",
            epilog="All other options go to pytest, for example -k, -m, -x, -v, --lf.",
        )
    )
    add_schema(commands.add_parser("schema", help="print the JSON Schema for editors"))


def _add_cluster(commands: Subparsers) -> None:
    commands.add_parser(
        "sandbox", help="start, stop and inspect the embedded cluster", add_help=False
    )
    add_recover(commands.add_parser("recover", help="undo the changes that a killed run left"))
    add_doctor(commands.add_parser("doctor", help="check this machine and its access to a cluster"))
    audit = commands.add_parser("audit", help="read a cluster or manifests and say what will break")
    audit_parsers.add_audit(audit)
    audit.set_defaults(run=_audit)


def _add_rest(commands: Subparsers) -> None:
    """In the order of the help."""
    add_rbac(
        commands.add_parser("rbac", help="print exactly the permissions that files need, as YAML")
    )
    _add_ledger(commands.add_parser("ledger", help="serve a small durable store to try ledgers on"))
    _add_completion(
        commands.add_parser("completion", help="print the completion script for a shell")
    )
    add_history(
        commands.add_parser(
            "history", help="summarize many reports on one page: trends, first failures"
        )
    )
    add_watch(
        commands.add_parser(
            "watch", help="run scenarios continuously, one at a time, within time windows"
        )
    )
    add_convert(
        commands.add_parser(
            "convert",
            help="convert files of chaoskube, kube-monkey, krkn, Litmus and others to scenarios",
        )
    )
    init = commands.add_parser(
        "init", help="write a first scenario, or scenarios for a namespace, with comments"
    )
    audit_parsers.add_init(init)
    init.set_defaults(run=_init)


def _add_ledger(ledger: argparse.ArgumentParser) -> None:
    from resilience.ledger.serve import durable_store

    inner = ledger.add_subparsers(dest="ledger", required=True, metavar="COMMAND")
    serve = inner.add_parser(
        "serve", help="serve the store until SIGTERM, correctly or with a deliberate defect"
    )
    durable_store.add_arguments(serve)
    serve.set_defaults(run=durable_store.serve)


def _add_completion(completion: argparse.ArgumentParser) -> None:
    completion.add_argument("shell", choices=("bash", "zsh", "fish", "tcsh"))
    completion.set_defaults(run=_completion)


def _completion(options: argparse.Namespace) -> int:
    from resilience.commands import completion

    say(completion.script(parser(), options.shell))
    return 0


def _audit(options: argparse.Namespace) -> int:
    from resilience.commands import audit

    return audit.audit(options)


def _init(options: argparse.Namespace) -> int:
    from resilience.commands import init

    return init.init(options)
