"""Links in pages that come through the API server's proxy: they must lead through it again.

Only links that begin with a slash, or name the Pod's own address, are changed; links to other
places and relative ones stay. Source: k8s.io/apimachinery/pkg/util/proxy/transport.go. Pure.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Collection
from urllib.parse import urlsplit, urlunsplit

_LINKS: dict[str, frozenset[str]] = {
    tag: frozenset(names.split())
    for tag, names in {
        "a": "href", "applet": "codebase", "area": "href", "audio": "src", "base": "href",
        "blockquote": "cite", "body": "background", "button": "formaction", "command": "icon",
        "del": "cite", "embed": "src", "form": "action", "frame": "longdesc src",
        "head": "profile", "html": "manifest", "iframe": "longdesc src",
        "img": "longdesc src usemap", "input": "src usemap formaction", "ins": "cite",
        "link": "href", "object": "classid codebase data usemap", "q": "cite", "script": "src",
        "source": "src", "video": "poster src",
    }.items()
}  # fmt: skip
_TOKEN = re.compile(
    r"<!--.*?-->"
    r"|<(?P<raw>script|style|textarea|title)\b(?P<head>[^>]*)>(?P<text>.*?)(?=</(?P=raw)\b|\Z)"
    r"|<(?P<tag>[a-z][a-z0-9]*)\b(?P<rest>[^<>]*)>",
    re.I | re.S,
)
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+)")


def rewritten(page: str, prefix: str, hosts: Collection[str]) -> str:
    """A page whose links lead below `prefix`; `hosts` are names of the place it came from."""

    def token(found: re.Match[str]) -> str:
        if found["raw"]:
            head = _attributes(found["raw"], found["head"], prefix, hosts)
            return f"<{found['raw']}{head}>{found['text']}"
        if found["tag"]:
            return f"<{found['tag']}{_attributes(found['tag'], found['rest'], prefix, hosts)}>"
        return found[0]

    return _TOKEN.sub(token, page)


def _attributes(tag: str, text: str, prefix: str, hosts: Collection[str]) -> str:
    wanted = _LINKS.get(tag.lower(), frozenset())

    def attribute(found: re.Match[str]) -> str:
        name, between, value = found.groups()
        if name.lower() not in wanted:
            return found[0]
        target = html.unescape(value.strip("\"'"))
        fresh = link(target, prefix, hosts)
        return found[0] if fresh == target else f'{name}{between}"{html.escape(fresh)}"'

    return _ATTRIBUTE.sub(attribute, text)


def link(target: str, prefix: str, hosts: Collection[str]) -> str:
    """One link, below `prefix` if it leads to the page's own place."""
    try:
        parts = urlsplit(target)
    except ValueError:  # not a URL: left unchanged, as by the real proxy
        return target
    if (parts.netloc and parts.netloc not in hosts) or not parts.path.startswith("/"):
        return target
    if parts.path.startswith(prefix):
        return urlunsplit(("", "", *parts[2:]))
    path = posixpath.normpath(f"{prefix}/{parts.path}")
    if parts.path.endswith("/"):
        path += "/"
    return urlunsplit(("", "", path, *parts[3:]))
