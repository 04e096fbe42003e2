"""Programs that speak to others: wget, nslookup, nc. They see the Pod's network and names."""

from __future__ import annotations

import os
import socket
import sys
import urllib.error
import urllib.request

from resilience.sandbox.images.text_tools import options


def wget_(argv: list[str]) -> int:
    """Fetch a page to a file, or with `-O -` to stdout: -q -S -T SECONDS --spider --post-data."""
    given, words, long = {}, [], {}
    ahead = iter(argv[1:])
    for word in ahead:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            takes = name in ("post-data", "timeout", "tries", "header", "output-document")
            long[name] = value if equals or not takes else next(ahead, "")
        elif word.startswith("-") and word != "-":
            short, _ = options(["", word], "OTtPU")
            for letter, value in short.items():
                takes = letter in "OTtPU" and not value
                given[letter] = next(ahead, "") if takes else value
        else:
            words.append(word)
    if not words:
        print("wget: missing URL", file=sys.stderr)
        return 1
    url = words[0] if "://" in words[0] else f"http://{words[0]}"
    wait = float(given.get("T") or long.get("timeout") or 900)
    data = long["post-data"].encode() if "post-data" in long else None
    try:
        request = urllib.request.Request(url, data)
        with urllib.request.urlopen(request, timeout=wait) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        print(f"wget: server returned error: HTTP/1.1 {error.code} {error.reason}", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        return _failed(url, error)
    if "spider" not in long:
        _keep(body, given.get("O") or long.get("output-document") or "", url)
    return 0


def _failed(url: str, error: Exception) -> int:
    reason = getattr(error, "reason", error)
    if isinstance(reason, socket.gaierror):
        host = url.split("/")[2]
        print(f"wget: bad address '{host}'", file=sys.stderr)
    elif isinstance(reason, TimeoutError):
        print("wget: download timed out", file=sys.stderr)
    else:
        host = url.split("/")[2] if "://" in url else url
        why = getattr(reason, "strerror", None) or reason
        print(f"wget: can't connect to remote host ({host}): {why}", file=sys.stderr)
    return 1


def _keep(body: bytes, path: str, url: str) -> None:
    if path == "-":
        sys.stdout.flush()
        os.write(1, body)
        return
    name = path or os.path.basename(url.partition("://")[2].partition("?")[0].rstrip("/"))
    with open(name if "." in name or path else "index.html", "wb") as file:
        file.write(body)


def nslookup_(argv: list[str]) -> int:
    """Print the addresses of a name, as the cluster's DNS has them."""
    names = [word for word in argv[1:] if not word.startswith("-")]
    if not names:
        print("Usage: nslookup NAME [SERVER]", file=sys.stderr)
        return 1
    print("Server:\t\tcluster DNS\n")
    try:
        found = socket.getaddrinfo(names[0], None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        print(f"** server can't find {names[0]}: NXDOMAIN", file=sys.stderr)
        return 1
    for entry in found:
        print(f"Name:\t{names[0]}\nAddress: {entry[4][0]}")
    return 0


def nc_(argv: list[str]) -> int:
    """Connect to HOST PORT: what stdin holds goes there, what comes is printed; -z only tries."""
    given, words = options(argv, "wpi")
    if "l" in given or len(words) < 2:
        print("nc: only `nc [-z] [-v] [-w SECONDS] HOST PORT` is understood", file=sys.stderr)
        return 1
    wait = float(given["w"]) if given.get("w") else None
    try:
        with socket.create_connection((words[0], int(words[1])), wait) as connection:
            if "v" in given:
                print(f"{words[0]} ({words[0]}:{words[1]}) open", file=sys.stderr)
            return 0 if "z" in given else _exchange(connection)
    except (OSError, ValueError) as error:
        print(f"nc: {words[0]} ({words[0]}:{words[1]}): {error}", file=sys.stderr)
        return 1


def _exchange(connection: socket.socket) -> int:
    connection.sendall(open(0, "rb", closefd=False).read())  # noqa: SIM115
    connection.shutdown(socket.SHUT_WR)
    sys.stdout.flush()
    while piece := connection.recv(1 << 16):
        os.write(1, piece)
    return 0
