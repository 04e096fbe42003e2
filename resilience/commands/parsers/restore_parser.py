"""The parser of `resilience restore`."""

from __future__ import annotations

import argparse

from resilience.commands.outputs import add_output
from resilience.commands.parsers.snapshot_options import (
    SNAPSHOT,
    add_cluster,
    add_keys,
    add_labels,
    add_namespaces,
    add_store,
    calling,
)


def add_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help=SNAPSHOT)
    parser.add_argument(
        "--before",
        metavar="TIME",
        help="instead of NAME: the newest snapshot that began at or before this time; a date "
        "means 00:00 of that day",
    )
    _targeting(parser)
    _selecting(parser)
    _changing(parser)
    _how_to_restore(parser)
    _what_to_bring(parser)
    parser.set_defaults(run=calling("restore"))
    add_output(parser)
    add_store(parser)
    add_cluster(parser)
    add_keys(parser)


def _targeting(parser: argparse.ArgumentParser) -> None:
    """Where to, and what happens to what is there."""
    parser.add_argument(
        "--into",
        metavar="NS",
        action="append",
        default=[],
        help="restore into this namespace; OLD=NEW if the snapshot has several (repeatable)",
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
    add_namespaces(parser, "only this namespace of the snapshot, a name or a glob (repeatable)")
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
    add_labels(parser, "only objects matching this label selector")
