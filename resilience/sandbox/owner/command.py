"""The sandbox's command line: up, down, status, images, fault. Parsing and printing only.

Exit codes: 0 done, 1 the sandbox failed or could not do it (one line on stderr), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from resilience.sandbox.host.sandbox_error import SandboxError
from resilience.sandbox.owner.parsing import PROGRAM, Parser

MOST_NODES = 5000
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given:
        parser().print_help(sys.stderr)
        return 2
    options = parser().parse_args(given)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader stopped reading, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def parser() -> Parser:
    """The whole command line."""
    top = Parser(prog=PROGRAM, description="An embedded Kubernetes cluster.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", help="start a sandbox; ends with Ctrl-C"))
    _add_down(commands.add_parser("down", help="end sandboxes and remove what dead ones left"))
    status = commands.add_parser("status", help="list running sandboxes")
    _add_output(status)
    status.add_argument("--json", action="store_true", help="same as -o json")
    status.set_defaults(run=_status)
    _add_images(commands.add_parser("images", help="list the known images, or report unknown ones"))
    from resilience.sandbox.owner import fault

    fault.add_to(commands.add_parser("fault", help="cause a fault in a running sandbox"))
    return top


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-o", "--output", choices=("table", "json", "yaml"), default="table", help="output format"
    )


def _add_up(up: argparse.ArgumentParser) -> None:
    up.add_argument("--nodes", type=_nodes, default=3, metavar="N", help="default: 3")
    up.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="write the kubeconfig to this file"
    )
    up.add_argument("--detach", action="store_true", help="run in the background")
    up.add_argument(
        "--ttl",
        type=_duration,
        metavar="1h",
        help="end after this time (default with --detach: 1h)",
    )
    up.add_argument(
        "--time-scale",
        type=_scale,
        default=1.0,
        metavar="X",
        help="run the controllers' clock X times as fast",
    )
    up.add_argument(
        "--clock-ahead",
        type=_ahead,
        default=0.0,
        metavar="1h",
        help="set the API server's clock ahead by this time, or behind: -1h",
    )
    up.add_argument("--json", action="store_true", help="print one JSON line once it is ready")
    up.add_argument(
        "--owner-stdin", action="store_true", help="like --json, and end when stdin closes"
    )
    _add_own_images(up)
    up.add_argument("--background", action="store_true", help=argparse.SUPPRESS)
    up.set_defaults(run=_up)


def _add_own_images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--images",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="TOML file that maps your own images (default: the project's pyproject.toml and "
        "resilience.toml)",
    )


def _add_images(images: argparse.ArgumentParser) -> None:
    images.add_argument(
        "reference", nargs="*", help="exit with 1 unless all of these images are known"
    )
    _add_own_images(images)
    _add_output(images)
    images.set_defaults(run=_images)


def _add_down(down: argparse.ArgumentParser) -> None:
    which = down.add_mutually_exclusive_group()
    which.add_argument(
        "id", nargs="?", help="name of the sandbox; not needed if only one runs in the background"
    )
    which.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="FILE",
        help="the sandbox that this kubeconfig file points to",
    )
    which.add_argument(
        "--all",
        action="store_true",
        help="all of this user's background sandboxes; those of a test run or a terminal continue",
    )
    down.set_defaults(run=_down)


def _nodes(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST_NODES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_NODES}")
    return int(text)


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0.1 <= scale <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0.1 to 1000")
    return scale


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if match is None or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90s, 30m or 1h")
    return float(match[1]) * UNITS[match[2]]


def _ahead(text: str) -> float:
    return -_duration(text[1:]) if text.startswith("-") else _duration(text)


def _up(options: argparse.Namespace) -> int:
    if options.detach:
        from resilience.sandbox.owner import detached

        return detached.start(options)
    from resilience.sandbox.images import own_images
    from resilience.sandbox.owner import supervisor

    wanted = supervisor.Options(
        nodes=options.nodes,
        time_scale=options.time_scale,
        clock_ahead=options.clock_ahead,
        kubeconfig=options.kubeconfig,
        ttl=options.ttl,
        lifeline=options.owner_stdin,
        background=options.background,
        images=own_images.read(options.images),
    )
    return supervisor.run(wanted, json_line=options.json or options.owner_stdin)


def _images(options: argparse.Namespace) -> int:
    """The known images; with references only the unknown ones of them."""
    from resilience.sandbox.images import own_images, stand_ins

    own = own_images.read(options.images)
    if not options.reference:
        known = stand_ins.listing(own)
        width = max(map(len, known), default=0)
        _print(options.output, known, [f"{name:{width}}  {line}" for name, line in known.items()])
        return 0
    missing = stand_ins.unknown(options.reference, own)
    _print(options.output, missing, missing)
    return 1 if missing else 0


def _down(options: argparse.Namespace) -> int:
    from resilience.sandbox.owner import detached

    ended = detached.end(options.id, kubeconfig=options.kubeconfig, every=options.all)
    for name in ended:
        print(f"sandbox {name} is gone")
    if not ended:
        print("no sandbox is in the background")
    return 0


def _status(options: argparse.Namespace) -> int:
    import dataclasses

    from resilience.sandbox.host import home
    from resilience.sandbox.owner import detached

    found = home.records()
    data = [dataclasses.asdict(record) for record in found]
    _print("json" if options.json else options.output, data, [detached.table(found)])
    return 0


def _print(form: str, data: object, lines: Sequence[str]) -> None:
    if form == "json":
        print(json.dumps(data, indent=1))
    elif form == "yaml":
        import yaml

        print(yaml.safe_dump(data, sort_keys=False), end="")
    else:
        print("".join(f"{line}\n" for line in lines), end="")
