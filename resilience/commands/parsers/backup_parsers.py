"""The parsers of `resilience backup` and `resilience runbook`.

No logic: each subcommand names its function in `resilience.commands.backup`, which is imported when
it runs. The cluster is always one that an option names: these commands start no sandbox.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from resilience.commands.outputs import add_output
from resilience.commands.parsers.restore_parser import add_restore
from resilience.commands.parsers.snapshot_options import (
    SNAPSHOT,
    add_cluster,
    add_json,
    add_keys,
    add_labels,
    add_namespaces,
    add_snapshot,
    add_store,
    calling,
)

Subparsers = Any
"""The type of argparse's subparsers, which is private."""


def add_parsers(subparsers: Subparsers) -> None:
    """Add them, and `resilience restore`."""
    backup = subparsers.add_parser(
        "backup", help="create, list, verify, compare and prune snapshots"
    )
    actions = backup.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (fill, text) in _ACTIONS.items():
        fill(_added(actions, name, text))
    add_restore(subparsers.add_parser("restore", help="restore a snapshot"))
    runbook = subparsers.add_parser(
        "runbook", help="print a step-by-step restore procedure for a plan"
    )
    runbook.add_argument("plan", metavar="PLAN", help="a plan file")
    runbook.set_defaults(run=calling("runbook"))


def _added(actions: Subparsers, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    parser.set_defaults(run=calling(name))
    if name != "list":  # this command has an additional format
        add_output(parser)
    return parser


def _create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", nargs="?", metavar="PLAN", help="a plan file")
    add_namespaces(parser, "namespace to back up, a name or a glob, instead of a plan (repeatable)")
    parser.add_argument(
        "-A", "--all-namespaces", dest="namespace", action="append_const", const="*",
        default=argparse.SUPPRESS, help="same as --namespace '*'",
    )  # fmt: skip
    parser.add_argument("--name", help="default: PLAN-YYYYMMDDhhmmss")
    _unfinished(parser)
    _what_to_take(parser)
    _data_to_take(parser)
    add_store(parser)
    add_cluster(parser)
    add_keys(parser, writing=True)


def _unfinished(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--continue",
        action=_Continue,
        dest="name",
        metavar="NAME",
        help="complete an unfinished snapshot: volumes that it has saved are not read again",
    )
    parser.add_argument(
        "--shard",
        default="",
        metavar="I/N",
        help="save the volumes of a share of the namespaces, I from 0, for the snapshot --name; "
        "the shard that finds all N done completes it",
    )
    parser.set_defaults(continue_=False)


class _Continue(argparse.Action):
    """Gives the name, and says that the snapshot has been begun."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        namespace.name, namespace.continue_ = values, True


def _what_to_take(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--include",
        metavar="KIND",
        action="append",
        default=[],
        help="only these kinds, for example deployments.apps; globs allowed (repeatable)",
    )
    parser.add_argument(
        "--exclude",
        metavar="KIND",
        action="append",
        default=[],
        help="do not include these kinds (repeatable)",
    )
    add_labels(parser, "only objects matching this label selector")
    parser.add_argument(
        "--accept",
        metavar="KIND",
        action="append",
        default=[],
        help="kind or group/version to leave out if it cannot be read (repeatable)",
    )
    parser.add_argument(
        "--cluster-scoped",
        choices=("related", "all", "none"),
        default="",
        help="which cluster-scoped objects to include",
    )


def _data_to_take(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lock-days",
        type=int,
        default=0,
        metavar="N",
        help="lock the snapshot against deletion for N days (S3 Object Lock, compliance mode)",
    )
    parser.add_argument(
        "--volumes", action="store_true", help="include the data of bound claims, as a tar stream"
    )
    parser.add_argument(
        "--volumes-from",
        choices=("live", "snapshot", "clone"),
        default="",
        help="read volume data from the claim, a VolumeSnapshot of it or a clone of it",
    )
    parser.add_argument(
        "--engine",
        choices=("restic",),
        default="",
        help="store volume data in a restic repository (deduplicated)",
    )


def _listing(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    add_output(parser, ("table", "wide", "json", "yaml"))
    add_namespaces(parser, "list only snapshots of this namespace, a name or a glob (repeatable)")
    parser.add_argument(
        "-A", "--all-namespaces", action="store_true", help="all namespaces (the default)"
    )
    add_json(parser)


def _show(parser: argparse.ArgumentParser) -> None:
    add_snapshot(parser)
    add_store(parser)
    add_json(parser)


def _undelete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    add_store(parser)


def _verify(parser: argparse.ArgumentParser) -> None:
    add_snapshot(parser)
    add_store(parser)
    add_keys(parser)
    parser.add_argument(
        "--no-record", action="store_true", help="do not record the result in the store"
    )


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("was", metavar="A", nargs="?", help=SNAPSHOT)
    parser.add_argument(
        "now", metavar="B", nargs="?", help="another snapshot; default: the cluster"
    )
    parser.add_argument(
        "--since",
        metavar="TIME",
        help="instead of A: the newest snapshot that began at or before this time; a date means "
        "00:00 of that day",
    )
    parser.add_argument(
        "--until",
        metavar="TIME",
        help="instead of B: the newest snapshot that began at or before this time; a date means "
        "the end of that day",
    )
    parser.add_argument(
        "--recorded-only",
        action="store_true",
        help="compare only the recorded objects: do not list objects that were added to the "
        "cluster since",
    )
    add_json(parser)
    add_namespaces(parser, "compare only this namespace, a name or a glob (repeatable)")
    add_store(parser)
    add_cluster(parser)
    add_keys(parser)


def _add_plans(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", metavar="PLAN", nargs="+", help="plan files")


def _add_dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be deleted; delete nothing"
    )


def _prune(parser: argparse.ArgumentParser) -> None:
    _add_plans(parser)
    _add_dry_run(parser)
    add_store(parser)


def _delete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="+")
    parser.add_argument("--confirm", action="store_true", help="delete without asking")
    _add_dry_run(parser)
    add_store(parser)


def _due(parser: argparse.ArgumentParser) -> None:
    _add_plans(parser)
    add_store(parser)


def _run(parser: argparse.ArgumentParser) -> None:
    _add_plans(parser)
    parser.add_argument(
        "--due", action="store_true", help="take the snapshots that are due (the default)"
    )
    add_store(parser)
    add_cluster(parser)
    add_keys(parser, writing=True)


def _copy(parser: argparse.ArgumentParser) -> None:
    add_snapshot(parser)
    add_store(parser)
    parser.add_argument("--to", metavar="STORE", required=True, help="store to copy to")


_ACTIONS: Mapping[str, tuple[Callable[[argparse.ArgumentParser], None], str]] = {
    "create": (_create, "create a snapshot of a plan or of namespaces"),
    "list": (_listing, "list the snapshots of a store"),
    "show": (_show, "show what a snapshot contains and covers"),
    "verify": (_verify, "verify a snapshot against its checksums, and record it"),
    "diff": (_diff, "show what changed between two snapshots, or since one"),
    "prune": (_prune, "delete snapshots that the retention policy no longer keeps"),
    "undelete": (_undelete, "remove the delete markers that hide a snapshot in S3"),
    "delete": (_delete, "delete snapshots by name"),
    "due": (_due, "list scheduled snapshots that are not taken yet"),
    "run": (_run, "take the snapshots that are due; safe to run at any time"),
    "copy": (_copy, "copy a snapshot to another store"),
}
"""The actions of `resilience backup`, in the order of its help."""
