"""Programs that resolve names: dig and getent, with the DNS of their Pod."""

from __future__ import annotations

import socket
import sys

from resilience.sandbox.inside import pod_names

_TYPES = ("A", "SRV", "PTR", "CNAME")
_TTL = 30
_IGNORED = {"tcp", "notcp", "noall", "answer", "nocomments", "noquestion", "nostats", "nocmd"}


def dig_(argv: list[str]) -> int:
    """`dig [+short] [+search] NAME [A|SRV|PTR|CNAME]`, and `-x ADDRESS`; records are printed."""
    words, flags = [], set()
    reverse = False
    for word in argv[1:]:
        if word.startswith("+"):
            flags.add(word[1:])
        elif word == "-x":
            reverse = True
        elif word.startswith(("@", "-")):
            print(f"dig: {word} is not understood: only the cluster's DNS is queried",
                  file=sys.stderr)  # fmt: skip
            return 1
        else:
            words.append(word)
    unknown = flags - _IGNORED - {"short", "search", "nosearch"}
    kind = "PTR" if reverse else words[1].upper() if len(words) > 1 else "A"
    if not words or unknown or kind not in _TYPES:
        print("Usage: dig [+short] [+search] NAME [A|SRV|PTR|CNAME]", file=sys.stderr)
        return 1
    name = _reversed(words[0]) if reverse else words[0]
    found = _records(kind, name, search="search" in flags)
    if found is None:
        print(";; communications error: timed out\n;; no servers could be reached")
        return 9
    for owner, each, data in found:
        print(data if "short" in flags else f"{owner}\t{_TTL}\tIN\t{each}\t{data}")
    return 0


def _reversed(address: str) -> str:
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


def _records(kind: str, name: str, *, search: bool) -> list[tuple[str, str, str]] | None:
    resolver = pod_names.installed
    if resolver is None:
        return None
    found = resolver.records(kind, name, search=search)
    outside = not name.rstrip(".").endswith(pod_names.CLUSTER_DOMAIN) and "." in name.rstrip(".")
    if found or found is None or kind != "A" or not outside:
        return found
    try:
        info = socket.getaddrinfo(name.rstrip("."), None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return []
    return [(f"{name.rstrip('.')}.", "A", str(entry[4][0])) for entry in info]


def getent_(argv: list[str]) -> int:
    """`getent hosts NAME...`: the address and the name of each; 2 if one is not found."""
    if argv[1:2] not in (["hosts"], ["ahosts"], ["ahostsv4"]) or len(argv) < 3:
        print("getent: only `getent hosts NAME...` is understood", file=sys.stderr)
        return 1
    for name in argv[2:]:
        try:
            found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
        except OSError:
            return 2
        print(f"{found[0][4][0]:<16}{name}")
    return 0
