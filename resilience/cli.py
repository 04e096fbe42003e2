"""The `resilience` command: everything that is not a test. Parsers only, no logic.

Exit codes: 0 done; 1 it could not be done, or something was found wrong (one line on stderr);
2 wrong usage; 130 Ctrl-C. `run` ends with pytest's exit codes, see `resilience.harness.exits`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Sequence

from resilience import __version__
from resilience.commands import CommandError, audit_parsers, settings
from resilience.commands import backup_parsers as backup
from resilience.commands.outputs import add_output
from resilience.commands.parsing import Parser
from resilience.commands.saying import say, warn
from resilience.config.options import OPTIONS
from resilience.config.settings import BadSetting
from resilience.model.masks import MASKS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["sandbox"]:
        # It has its own parser: the following arguments are passed on unchanged, including --help.
        from resilience.commands import sandbox

        return sandbox.hand_over(given[1:])
    if given in ([], ["backup"]):
        shown = parser() if not given else _group(parser(), given[0])
        shown.print_help(sys.stderr)
        return 2
    top = parser()
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
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except (CommandError, ClusterError, BadSetting, BadTarget) as error:
        warn(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader closed the pipe (`| head`), which is not an error. The rest of the buffer goes
        # to /dev/null, else the flush at exit would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def parser() -> Parser:
    """All commands."""
    top = Parser(
        prog="resilience",
        description="Prove that a Kubernetes service survives losing Pods and nodes.",
        epilog="Scenarios are pytest tests: run them with `pytest scenarios/`.",
    )
    top.add_argument("--version", action="version", version=f"resilience {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(
        commands.add_parser(
            "run",
            help="run scenarios: pytest with short option names",
            epilog="All other options go to pytest, for example -k, -m, -x, -v, --lf.",
        )
    )
    _add_schema(commands.add_parser("schema", help="print the JSON Schema for editors"))
    commands.add_parser(
        "sandbox", help="start, stop and inspect the embedded cluster", add_help=False
    )
    _add_recover(commands.add_parser("recover", help="undo the changes that a killed run left"))
    _add_doctor(
        commands.add_parser("doctor", help="check this machine and its access to a cluster")
    )
    audit = commands.add_parser("audit", help="read a cluster or manifests and say what will break")
    audit_parsers.add_audit(audit)
    audit.set_defaults(run=_audit)
    backup.add_parsers(commands)
    _add_rbac(
        commands.add_parser("rbac", help="print exactly the permissions that files need, as YAML")
    )
    _add_ledger(commands.add_parser("ledger", help="serve a small durable store to try ledgers on"))
    _add_completion(
        commands.add_parser("completion", help="print the completion script for a shell")
    )
    _add_history(
        commands.add_parser(
            "history", help="summarize many reports on one page: trends, first failures"
        )
    )
    _add_watch(
        commands.add_parser(
            "watch", help="run scenarios continuously, one at a time, within time windows"
        )
    )
    _add_convert(
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
    return top


def _add_convert(convert: argparse.ArgumentParser) -> None:
    convert.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="file of chaoskube (command line, manifest, chart values), kube-monkey, krkn, Litmus "
        "or Chaos Toolkit; - reads standard input",
    )
    convert.add_argument(
        "--out", metavar="DIR", default="", help="write one file for each scenario into this folder"
    )
    add_output(convert, ("yaml", "json"), default="yaml")
    convert.set_defaults(run=_convert)


def _add_watch(watch: argparse.ArgumentParser) -> None:
    watch.add_argument("files", nargs="+", metavar="PATH", help="scenario files or directories")
    watch.add_argument("--every", default="1h", metavar="DURATION",
                       help="time from the start of one run to the start of the next (default: "
                            "%(default)s)")  # fmt: skip
    watch.add_argument("--jitter", default="0", metavar="DURATION",
                       help="delay each run by a random time up to this")  # fmt: skip
    watch.add_argument("--window", action="append", default=[], metavar="CRON",
                       help="when runs may start, such as '* 9-16 * * mon-fri'")  # fmt: skip
    watch.add_argument("--blackout", action="append", default=[], metavar="DATE[/DATE]",
                       help="days without runs, both ends included")  # fmt: skip
    watch.add_argument(
        "--timezone", default="UTC", metavar="ZONE", help="time zone of the windows and blackouts"
    )
    watch.add_argument("--pause", default="", metavar="NAMESPACE[/CONFIGMAP]",
                       help="skip runs while this ConfigMap says `paused`, or this namespace has "
                            "the annotation resilience/paused")  # fmt: skip
    watch.add_argument("--incident", default="", metavar="'URL FILTER'",
                       help="skip runs while this Alertmanager has matching active alerts, or "
                            "does not answer")  # fmt: skip
    watch.add_argument("--keep-going", action="store_true",
                       help="continue after a failed verdict")  # fmt: skip
    watch.add_argument("--listen", default="127.0.0.1:9402", metavar="HOST:PORT",
                       help="address that serves /metrics and /healthz (default: "
                            "%(default)s)")  # fmt: skip
    watch.add_argument("--sandbox", action="store_true",
                       help="run each time on a new embedded sandbox")  # fmt: skip
    _add_settings(watch, {option.name for option in OPTIONS})
    watch.set_defaults(run=_watch)


def _watch(options: argparse.Namespace) -> int:
    from resilience.commands import watch

    return watch.watch(options)


def _convert(options: argparse.Namespace) -> int:
    from resilience.commands import convert

    return convert.convert(options)


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="files or directories (default: the current directory)",
    )
    run.add_argument(
        "--library", metavar="NAME", help="copy this library scenario or plan and run it"
    )
    run.add_argument(
        "--service",
        metavar="NAME",
        help="with --library: the Service in the cluster that the scenario tests",
    )
    _add_settings(run, {option.name for option in OPTIONS}, taken=("-n",))  # pytest-xdist's
    run.set_defaults(run=_run)


def _add_settings(
    command: argparse.ArgumentParser, names: set[str], taken: Collection[str] = ()
) -> None:
    """Options of `settings` under their short names. `taken` are flags that mean something else
    there."""
    for option in OPTIONS:
        if option.name not in names:
            continue
        text = option.help if "fleet" in names else option.of_one or option.help
        flags = ["--" + option.name.replace("_", "-")]
        if option.name == "namespace" and "-n" not in taken:
            flags.insert(0, "-n")
        if option.flag:
            command.add_argument(*flags, dest=option.key, action="store_true", help=text)
        else:
            command.add_argument(
                *flags,
                dest=option.key,
                metavar=option.metavar,
                help=text,
                action="append" if option.many else "store",
            )


def _add_schema(schema: argparse.ArgumentParser) -> None:
    schema.add_argument("kind", choices=("scenario", "plan"))
    add_output(schema, ("json", "yaml"), default="json")
    schema.set_defaults(run=_schema)


def _add_recover(recover: argparse.ArgumentParser) -> None:
    recover.add_argument("id", nargs="?", metavar="RUN", help="only this run (default: all)")
    kept = recover.add_mutually_exclusive_group()
    kept.add_argument("--force", action="store_true",
                      help="also undo changes that someone else has modified since; needs "
                           "RUN")  # fmt: skip
    kept.add_argument("--forget", action="store_true",
                      help="do not undo changes that someone else has modified since; needs "
                           "RUN")  # fmt: skip
    _add_settings(recover, {"context", "kubeconfig", "journal", "journal_namespace", "lock_wait"})
    add_output(recover)
    recover.set_defaults(run=_recover)


def _add_doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.add_argument("paths", nargs="*", metavar="PATH", help="scenarios and plans to check")
    _add_settings(
        doctor,
        {
            "context",
            "kubeconfig",
            "namespace",
            "journal_namespace",
            "helper_image",
            "scenarios",
            "plans",
        },
    )
    add_output(doctor)
    doctor.set_defaults(run=_doctor)


def _add_rbac(rbac: argparse.ArgumentParser) -> None:
    rbac.add_argument("paths", nargs="+", metavar="PATH", help="files or directories")
    who = rbac.add_mutually_exclusive_group()
    who.add_argument(
        "--service-account",
        metavar="NS:NAME",
        help="ServiceAccount to bind the roles to (default: resilience-journal:resilience, "
        "created as well)",
    )
    who.add_argument("--user", metavar="NAME", help="user to bind the roles to")
    who.add_argument("--group", metavar="NAME", help="group to bind the roles to")
    rbac.add_argument(
        "--without-namespaces",
        action="store_true",
        help="omit the Namespace objects, so that `kubectl delete -f` on this output does not "
        "delete your namespaces",
    )
    rbac.add_argument(
        "--selected",
        metavar="NAMESPACE",
        action="append",
        default=[],
        help="for steps that select namespaces by label: grant their permissions in this "
        "namespace only, instead of the whole cluster (repeatable)",
    )
    rbac.add_argument(
        "--only",
        action="append",
        default=[],
        choices=("scenarios", "backup", "proof", "drill"),
        help="print only the permissions that this use of the files needs (repeatable; default "
        "all): scenarios, `resilience backup` with a plan, the plan's proof (`fresh` and "
        "`intact`), its drill",
    )
    _add_settings(rbac, {"namespace", "journal_namespace", "scenarios", "plans"})
    add_output(rbac, ("yaml", "json"), default="yaml")
    rbac.set_defaults(run=_rbac)


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


def _add_history(history: argparse.ArgumentParser) -> None:
    history.add_argument(
        "place", metavar="DIR|URL", help="folder with reports, or s3://BUCKET/PREFIX or file:DIR"
    )
    history.add_argument(
        "--out",
        metavar="DIR",
        default="resilience-history",
        help="directory to write history.html, badge.svg and history.om to (default: %(default)s)",
    )
    add_output(history)
    history.set_defaults(run=_history)


def _history(options: argparse.Namespace) -> int:
    from resilience.commands import history

    return history.history(options)


def _completion(options: argparse.Namespace) -> int:
    from resilience.commands import completion

    say(completion.script(parser(), options.shell))
    return 0


def _run(options: argparse.Namespace) -> int:
    from resilience.commands import run

    return run.run(options)


def _schema(options: argparse.Namespace) -> int:
    from resilience.commands import schema

    return schema.show(options.kind, options.output)


def _recover(options: argparse.Namespace) -> int:
    from resilience.commands import recover

    return recover.recover(options)


def _doctor(options: argparse.Namespace) -> int:
    from resilience.commands import doctor

    return doctor.doctor(options)


def _rbac(options: argparse.Namespace) -> int:
    from resilience.commands import rbac

    return rbac.show(options)


def _audit(options: argparse.Namespace) -> int:
    from resilience.commands import audit

    return audit.audit(options)


def _init(options: argparse.Namespace) -> int:
    from resilience.commands import init

    return init.init(options)
