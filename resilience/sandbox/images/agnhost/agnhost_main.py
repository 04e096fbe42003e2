"""`/agnhost SUBCOMMAND`: finds the subcommand and parses flags as the real image does.

A subcommand the real image has and this one lacks is refused by name, exit code 1.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

SUBCOMMANDS = {
    "connect": "connect",
    "crd-conversion-webhook": "hooks",
    "dns-server-list": "files",
    "dns-suffix": "files",
    "entrypoint-tester": "small_commands",
    "etc-hosts": "files",
    "grpc-health-checking": "grpc_health_checking",
    "guestbook": "guestbook",
    "liveness": "liveness",
    "logs-generator": "logs",
    "mounttest": "mounttest",
    "netexec": "netexec",
    "nettest": "nettest",
    "pause": "small_commands",
    "porter": "porter",
    "serve-hostname": "serve_hostname",
    "test-service-account-issuer-discovery": "issuer_discovery",
    "test-webserver": "files",
    "webhook": "hooks",
}
Flags = dict[str, Any]


class FlagError(Exception):
    """A flag that the subcommand does not have, or a value of the wrong type."""


def main(argv: list[str]) -> int:
    """Run one subcommand; returns its exit code. When run as `agnhost-2`, it prints its command
    line."""
    if argv[0] == "/agnhost-2":
        print(f"[{' '.join(argv)}]")
        return 0
    if len(argv) < 2 or argv[1] in ("help", "--help", "-h"):
        print("Usage:\n  app [command]\n\nAvailable Commands:")
        print("\n".join(f"  {name}" for name in SUBCOMMANDS))
        return 0
    name = argv[1]
    if name not in SUBCOMMANDS:
        print(f"Error: unknown command {name!r} for the sandbox's agnhost", file=sys.stderr)
        return 1
    module = importlib.import_module(f"{__package__}.{SUBCOMMANDS[name]}")
    run: Callable[[list[str]], int] = getattr(module, name.replace("-", "_"))
    try:
        return run(argv[2:])
    except FlagError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


def parse(arguments: list[str], defaults: Flags) -> tuple[Flags, list[str]]:
    """Flags by name as `--name=value`, `--name value` or `--name` for booleans; then the rest.

    The type of a flag is that of its default. FlagError as the real image words it.
    """
    flags, rest, ahead = dict(defaults), [], list(arguments)
    while ahead:
        argument = ahead.pop(0)
        if argument == "--":
            rest += ahead
            break
        if not argument.startswith("--"):
            rest.append(argument)
            continue
        name, equals, value = argument[2:].partition("=")
        if name not in defaults:
            raise FlagError(f"unknown flag: --{name}")
        if not equals and isinstance(defaults[name], bool):
            value = "true"
        elif not equals:
            if not ahead:
                raise FlagError(f"flag needs an argument: --{name}")
            value = ahead.pop(0)
        flags[name] = _value(name, value, defaults[name])
    return flags, rest


def _value(name: str, text: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        if isinstance(default, int):
            return int(text)
    except (ValueError, KeyError):
        kind = type(default).__name__
        raise FlagError(f'invalid argument "{text}" for "--{name}" flag: not a {kind}') from None
    return text
