"""Options that the commands on snapshots share: store, cluster, keys, and which snapshot."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable


def calling(name: str) -> Callable[[argparse.Namespace], int]:
    def act(options: argparse.Namespace) -> int:
        from resilience.commands import backup as acts

        return acts.carry_out(name, options)

    return act


def add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store",
        metavar="STORE",
        help="s3://BUCKET/PREFIX?option=value, file:DIRECTORY, a plan file, or a name from "
        "[stores] in resilience.toml (default: RESILIENCE_STORE, or the plan's own)",
    )


def add_cluster(parser: argparse.ArgumentParser) -> None:
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


def add_keys(parser: argparse.ArgumentParser, *, writing: bool = False) -> None:
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


SNAPSHOT = (
    "a snapshot's name; `latest`; or a time, such as 2026-03-01 or 2026-03-01T10:00 (UTC), for "
    "the newest that began at or before then; PLAN@latest and PLAN@TIME for one plan of several"
)


def add_json(parser: argparse.ArgumentParser) -> None:
    """An older name of `-o json`."""
    parser.add_argument(
        "--json",
        action="store_const",
        const="json",
        dest="output",
        default=argparse.SUPPRESS,
        help="same as -o json",
    )


def add_snapshot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help=SNAPSHOT)


def add_namespaces(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument(
        "-n",
        "--namespace",
        metavar="NS",
        type=namespace,
        action="append",
        default=[],
        help=text,
    )


def add_labels(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument(
        "-l", "--labels", "--selector", dest="labels", metavar="SELECTOR", default="", help=text
    )


def namespace(text: str) -> str:
    if re.fullmatch(r"[a-z0-9*?\[\]!-]{1,63}", text):
        return text
    hint = "give each with an -n of its own" if "," in text else "names have lower case letters"
    raise argparse.ArgumentTypeError(f"{text!r} is no name or glob of a namespace; {hint}")
