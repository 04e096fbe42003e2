"""The parsers of `resilience backup`, `resilience restore` and `resilience runbook`.

No logic: each subcommand names its function in `resilience.commands.backup`, which is imported when
it runs. The cluster is always one that an option names: these commands start no sandbox.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from typing import Any

from resilience.commands.outputs import add_output

Subparsers = Any
"""The type of argparse's subparsers, which is private."""


def add_parsers(subparsers: Subparsers) -> None:
    """Add the three commands."""
    backup = subparsers.add_parser(
        "backup", help="create, list, verify, compare and prune snapshots"
    )
    actions = backup.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (fill, text) in _ACTIONS.items():
        fill(_added(actions, name, text))
    _restore(subparsers.add_parser("restore", help="restore a snapshot"))
    runbook = subparsers.add_parser(
        "runbook", help="print a step-by-step restore procedure for a plan"
    )
    runbook.add_argument("plan", metavar="PLAN", help="a plan file")
    runbook.set_defaults(run=_act("runbook"))


def _added(actions: Subparsers, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    parser.set_defaults(run=_act(name))
    if name != "list":  # this command has an additional format
        add_output(parser)
    return parser


def _act(name: str) -> Callable[[argparse.Namespace], int]:
    def act(options: argparse.Namespace) -> int:
        from resilience.commands import backup as acts

        return acts.carry_out(name, options)

    return act


def _store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store",
        metavar="STORE",
        help="s3://BUCKET/PREFIX?option=value, file:DIRECTORY, a plan file, or a name from "
        "[stores] in resilience.toml (default: RESILIENCE_STORE, or the plan's own)",
    )


def _cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--context",
        metavar="NAME",
        default="",
        help="kubeconfig context; `in-cluster` uses the Pod's ServiceAccount",
    )
    parser.add_argument(
        "--kubeconfig",
        metavar="FILE",
        default="",
        help="kubeconfig file to use instead of $KUBECONFIG or ~/.kube/config",
    )
    parser.add_argument(
        "--helper-image",
        metavar="IMAGE",
        dest="resilience_helper_image",
        help="image of helper Pods if neither plan nor target sets one (default python:3.13-slim)",
    )


def _keys(parser: argparse.ArgumentParser, *, writing: bool = False) -> None:
    if writing:
        parser.add_argument(
            "--signing-key",
            metavar="KEY",
            help="Ed25519 private key: a PEM file, or secret:NAMESPACE/NAME[/KEY]; else "
            "RESILIENCE_SIGNING_KEY (its text, or secret:...)",
        )
        parser.add_argument(
            "--recipient",
            metavar="AGE",
            action="append",
            default=[],
            help="encrypt for this age public key (repeatable); default: RESILIENCE_RECIPIENTS",
        )
    parser.add_argument(
        "--trusted-key",
        metavar="KEY",
        default="",
        help="Ed25519 public key a snapshot must be signed with: base64, or a file with it or with "
        "PEM; default: RESILIENCE_TRUSTED_KEY",
    )
    parser.add_argument(
        "--identity",
        metavar="FILE",
        action="append",
        default=[],
        help="file with the age private key of encrypted snapshots (repeatable); default: "
        "RESILIENCE_IDENTITY (its text) or RESILIENCE_IDENTITY_FILE",
    )


_SNAPSHOT = (
    "a snapshot's name; `latest`; or a time, such as 2026-03-01 or 2026-03-01T10:00 (UTC), for "
    "the newest that began at or before then; PLAN@latest and PLAN@TIME for one plan of several"
)


def _json(parser: argparse.ArgumentParser) -> None:
    """An older name of `-o json`."""
    parser.add_argument(
        "--json",
        action="store_const",
        const="json",
        dest="output",
        default=argparse.SUPPRESS,
        help="same as -o json",
    )


def _snapshot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help=_SNAPSHOT)


def _namespaces(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument(
        "-n",
        "--namespace",
        metavar="NS",
        type=_namespace,
        action="append",
        default=[],
        help=text,
    )


def _namespace(text: str) -> str:
    if re.fullmatch(r"[a-z0-9*?\[\]!-]{1,63}", text):
        return text
    hint = "give each with an -n of its own" if "," in text else "names have lower case letters"
    raise argparse.ArgumentTypeError(f"{text!r} is no name or glob of a namespace; {hint}")


def _create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", nargs="?", metavar="PLAN", help="a plan file")
    _namespaces(parser, "namespace to back up, a name or a glob, instead of a plan (repeatable)")
    parser.add_argument("--name", help="default: PLAN-YYYYMMDDhhmmss")
    _what_to_take(parser)
    _data_to_take(parser)
    _store(parser)
    _cluster(parser)
    _keys(parser, writing=True)


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
    parser.add_argument(
        "--labels", metavar="SELECTOR", default="", help="only objects matching this label selector"
    )
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
    _store(parser)
    add_output(parser, ("table", "wide", "json", "yaml"))
    _namespaces(parser, "list only snapshots of this namespace, a name or a glob (repeatable)")
    _json(parser)


def _show(parser: argparse.ArgumentParser) -> None:
    _snapshot(parser)
    _store(parser)
    _json(parser)


def _undelete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    _store(parser)


def _verify(parser: argparse.ArgumentParser) -> None:
    _snapshot(parser)
    _store(parser)
    _keys(parser)
    parser.add_argument(
        "--no-record", action="store_true", help="do not record the result in the store"
    )


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("was", metavar="A", nargs="?", help=_SNAPSHOT)
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
    _json(parser)
    _namespaces(parser, "compare only this namespace, a name or a glob (repeatable)")
    _store(parser)
    _cluster(parser)
    _keys(parser)


def _prune(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", metavar="PLAN", nargs="+", help="plan files")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be deleted; delete nothing"
    )
    _store(parser)


def _delete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="+")
    parser.add_argument("--confirm", action="store_true", help="delete without asking")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be deleted; delete nothing"
    )
    _store(parser)


def _due(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", metavar="PLAN", nargs="+", help="plan files")
    _store(parser)


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", metavar="PLAN", nargs="+", help="plan files")
    parser.add_argument(
        "--due", action="store_true", help="take the snapshots that are due (the default)"
    )
    _store(parser)
    _cluster(parser)
    _keys(parser, writing=True)


def _copy(parser: argparse.ArgumentParser) -> None:
    _snapshot(parser)
    _store(parser)
    parser.add_argument("--to", metavar="STORE", required=True, help="store to copy to")


def _restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help=_SNAPSHOT)
    parser.add_argument(
        "--before",
        metavar="TIME",
        help="instead of NAME: the newest snapshot that began at or before this time; a date "
        "means 00:00 of that day",
    )
    parser.add_argument(
        "--into",
        metavar="NS",
        default="",
        help="restore into this namespace; OLD=NEW if the snapshot has several",
    )
    parser.add_argument(
        "--map-storage-class",
        metavar="OLD=NEW",
        action="append",
        default=[],
        help="use storage class NEW for claims of class OLD (repeatable)",
    )
    parser.add_argument(
        "--existing",
        choices=("fail", "skip", "update"),
        default="fail",
        help="what to do with objects that exist and differ (default fail)",
    )
    parser.add_argument(
        "--volumes",
        choices=("fail", "skip", "fill-empty", "overwrite"),
        default="",
        help="what to do with claims that exist: fail (refuse unless they are empty), skip (leave "
        "their data), fill-empty (fill only empty ones), overwrite (replace their data); "
        "default: fail; skip with --existing skip; fill-empty with --existing update",
    )
    _selecting(parser)
    _changing(parser)
    _how_to_restore(parser)
    _what_to_bring(parser)
    parser.set_defaults(run=_act("restore"))
    add_output(parser)
    _store(parser)
    _cluster(parser)
    _keys(parser)


def _changing(parser: argparse.ArgumentParser) -> None:
    """Options that change objects on restore."""
    parser.add_argument(
        "--set-image-registry",
        metavar="OLD=NEW",
        action="append",
        default=[],
        help="pull images from NEW instead of OLD; OLD is a registry or a path prefix in it "
        "(repeatable); images without a registry belong to docker.io",
    )
    parser.add_argument(
        "--replicas",
        type=_count,
        metavar="N",
        help="replica count for every Deployment, StatefulSet, ReplicaSet and "
        "ReplicationController",
    )
    parser.add_argument(
        "--modifiers",
        metavar="FILE",
        action="append",
        default=[],
        help="patches in the form of Velero's resource modifiers (repeatable)",
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of replicas")
    return int(text)


def _how_to_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="send every request as a dry run; change nothing"
    )
    parser.add_argument(
        "--local",
        action="store_true",
        help="restore claims from VolumeSnapshots kept on this cluster: fast, but not verified "
        "against checksums",
    )
    parser.add_argument(
        "--wait",
        action="store_true",
        help="wait until the restored workloads and Pods are ready; if some are not, name them "
        "and end with exit code 1",
    )
    parser.add_argument(
        "--timeout", metavar="DURATION", default="", help="how long --wait waits (default 5m)"
    )
    parser.add_argument(
        "--resume", metavar="RESTORE", default="", help="continue an interrupted restore"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=16,
        metavar="N",
        help="number of objects created at the same time (default 16)",
    )


def _what_to_bring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allocations",
        choices=("chosen", "keep", "new"),
        default="chosen",
        help="which cluster IPs and node ports to restore: those that a client set (default), all "
        "recorded ones, or none",
    )
    parser.add_argument(
        "--status",
        metavar="KIND",
        action="append",
        default=[],
        help="custom resources whose status to restore, for example widgets.example.com; globs",
    )
    parser.add_argument(
        "--unverified",
        action="store_true",
        help="restore as much of a damaged snapshot as can be read, without verifying it",
    )
    parser.add_argument(
        "--without-volume-data",
        action="store_true",
        help="leave volumes empty if only Velero can read their data",
    )
    parser.add_argument(
        "--without-cluster-scoped", action="store_true", help="namespaced objects only"
    )


def _selecting(parser: argparse.ArgumentParser) -> None:
    """Parts of a snapshot."""
    _namespaces(parser, "only this namespace of the snapshot, a name or a glob (repeatable)")
    parser.add_argument(
        "--include",
        metavar="KIND[/NAME]",
        action="append",
        default=[],
        help="restore only these objects, such as `secrets` or `deployments/checkout`; missing "
        "objects that they depend on are created as well",
    )
    parser.add_argument(
        "--exclude",
        metavar="KIND[/NAME]",
        action="append",
        default=[],
        help="do not restore these objects (repeatable)",
    )
    parser.add_argument("--labels", metavar="SELECTOR", help="only objects with these labels")


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
