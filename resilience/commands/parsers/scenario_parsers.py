"""The parsers of the commands on scenarios and reports: run, watch, convert, schema, history."""

from __future__ import annotations

import argparse

from resilience.commands.outputs import add_output
from resilience.commands.parsers.setting_options import add_settings
from resilience.config.options import OPTIONS


def add_convert(convert: argparse.ArgumentParser) -> None:
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


def add_watch(watch: argparse.ArgumentParser) -> None:
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
    add_settings(watch, {option.name for option in OPTIONS})
    watch.set_defaults(run=_watch)


def _watch(options: argparse.Namespace) -> int:
    from resilience.commands import watch

    return watch.watch(options)


def _convert(options: argparse.Namespace) -> int:
    from resilience.commands import convert

    return convert.convert(options)


def add_run(run: argparse.ArgumentParser) -> None:
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
    add_settings(run, {option.name for option in OPTIONS}, taken=("-n",))  # pytest-xdist's
    run.set_defaults(run=_run)


def add_schema(schema: argparse.ArgumentParser) -> None:
    schema.add_argument("kind", choices=("scenario", "plan"))
    add_output(schema, ("json", "yaml"), default="json")
    schema.set_defaults(run=_schema)


def add_history(history: argparse.ArgumentParser) -> None:
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


def _run(options: argparse.Namespace) -> int:
    from resilience.commands import run

    return run.run(options)


def _schema(options: argparse.Namespace) -> int:
    from resilience.commands import schema

    return schema.show(options.kind, options.output)
