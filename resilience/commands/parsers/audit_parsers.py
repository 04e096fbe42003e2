"""The parsers of `resilience audit` and `resilience init`. No logic."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from resilience.config.options import OPTIONS

FORMS = ("table", "json", "yaml", "sarif", "junit")
LEVELS = ("error", "warning", "info", "never")


def add_init(init: argparse.ArgumentParser) -> None:
    """Options of `resilience init`."""
    init.add_argument(
        "folder",
        nargs="?",
        default="scenarios",
        help="directory to write to (default: scenarios); or ci, plan or target, for a CI"
        " workflow, a plan of one namespace, a target for one context",
    )
    _add_sources(init)
    init.add_argument(
        "--baseline",
        metavar="SECONDS",
        type=float,
        default=30,
        help="how long to measure each Service to set its objectives (default: %(default)s; 0: do "
        "not measure)",
    )
    init.add_argument(
        "--gitlab",
        action="store_true",
        help="with ci: write a workflow for GitLab instead of GitHub",
    )
    _add(init, "context", "kubeconfig context")
    _add(init, "kubeconfig", "kubeconfig file")
    _add(
        init,
        "namespace",
        "namespace for ci, plan and target, and for manifests that do not set one",
        short=("-n",),
    )


def _add_sources(init: argparse.ArgumentParser) -> None:
    """What scenarios are written for."""
    source = init.add_mutually_exclusive_group()
    source.add_argument(
        "--from-namespace",
        metavar="NS",
        help="write scenarios, plans and a target for the workloads in this namespace of a cluster",
    )
    source.add_argument(
        "--from-manifests",
        metavar="FILE",
        action="append",
        help="write scenarios and plans for these manifests",
    )


def _add(
    parser: argparse.ArgumentParser, name: str, text: str, *, short: Sequence[str] = ()
) -> None:
    """A setting of this project as an option of this command, explained in its own way."""
    option = next(each for each in OPTIONS if each.name == name)
    parser.add_argument(*short, f"--{name}", dest=option.key, metavar=option.metavar, help=text)


def add_audit(audit: argparse.ArgumentParser) -> None:
    """Options of `resilience audit`."""
    audit.add_argument(
        "paths",
        nargs="*",
        metavar="FILE",
        help="manifests or folders of manifests; - reads standard input; without any, the cluster "
        "is read",
    )
    where = audit.add_mutually_exclusive_group()
    where.add_argument(
        "-n",
        "--namespace",
        dest="resilience_namespace",
        metavar="NS",
        help="namespace to read; for manifests, the namespace of objects that do not set one",
    )
    where.add_argument("-A", "--all-namespaces", action="store_true", help="read all namespaces")
    _add(audit, "context", "kubeconfig context")
    _add(audit, "kubeconfig", "kubeconfig file")
    audit.add_argument(
        "-o", "--output", choices=FORMS, default="table", help="format of the report"
    )
    audit.add_argument("--out", metavar="FILE", help="write the report to this file")
    audit.add_argument(
        "--fail-on",
        choices=LEVELS,
        default="error",
        help="lowest level that causes exit code 1 (default: %(default)s)",
    )
    audit.add_argument("--only", action="append", metavar="RULE", help="check only this rule")
    audit.add_argument("--skip", action="append", metavar="RULE", help="do not check this rule")
    audit.add_argument("--list", action="store_true", help="list the rules")
    audit.add_argument("--baseline", metavar="FILE", help="file with the accepted findings")
    audit.add_argument("--write-baseline", metavar="FILE", help="accept all current findings")
    audit.add_argument("--reason", metavar="TEXT", help="why, for --write-baseline")
