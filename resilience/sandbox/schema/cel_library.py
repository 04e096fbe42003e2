"""Functions that Kubernetes adds to CEL: lists, regular expressions, URLs, quantities, formats.

Source: k8s.io/apiserver/pkg/cel/library. Opaque values (a URL, a quantity, an address) are texts
here that their functions read again.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from resilience.sandbox.kube.quantity import parse
from resilience.sandbox.schema import cel_authorizer
from resilience.sandbox.schema.pattern import search

Implementation = Callable[..., Any]


def _plain(value: Any) -> Any:
    """Values arrive wrapped where their type is dynamic."""
    return value.plain_value() if hasattr(value, "plain_value") else value


def _is_sorted(values: list[Any]) -> bool:
    return all(one <= two for one, two in itertools.pairwise(values))


def _index(values: Any, wanted: Any) -> int:
    if isinstance(values, str):
        return values.find(wanted)
    return next((at for at, value in enumerate(values) if value == wanted), -1)


def _last_index(values: Any, wanted: Any) -> int:
    if isinstance(values, str):
        return values.rfind(wanted)
    return max((at for at, value in enumerate(values) if value == wanted), default=-1)


def _find(text: str, pattern: str) -> str:
    return next(_matches(text, pattern), "")


def _find_all(text: str, pattern: str) -> list[str]:
    return list(_matches(text, pattern))


def _matches(text: str, pattern: str) -> Iterator[str]:
    """Whether there is one more is found out in linear time, where `re` might never end."""
    at, compiled = 0, re.compile(pattern)
    while search(pattern, text[at:]) and (found := compiled.search(text, at)) is not None:
        yield found[0]
        at = max(found.end(), at + 1)


def _succeeds(check: Implementation) -> Implementation:
    def checked(text: str) -> bool:
        try:
            check(text)
        except ValueError:
            return False
        return True

    return checked


def _url(text: str) -> str:
    if not urlsplit(text).scheme and not text.startswith("/"):
        raise ValueError(f"URL parse error during conversion from string: {text!r}")
    return text


def _quantity(text: str) -> str:
    parse(text)
    return text


def _compare(one: str, two: str) -> int:
    first, second = parse(one), parse(two)
    return (first > second) - (first < second)


def _address(text: str) -> str:
    ipaddress.ip_address(text)
    return text


def _network(text: str) -> str:
    ipaddress.ip_network(text)
    return text


def _contains(network: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)


def _covers(network: str, other: str) -> bool:
    one = ipaddress.ip_network(network, strict=False)
    two = ipaddress.ip_network(other, strict=False)
    return two[0] in one and two[-1] in one


def _every(some: list[Any], others: list[Any]) -> bool:
    return all(each in others for each in some)


FUNCTIONS: dict[str, tuple[Implementation, int]] = {
    "isURL": (_succeeds(_url), 1),
    "url": (_url, 1),
    "isQuantity": (_succeeds(parse), 1),
    "quantity": (_quantity, 1),
    "isIP": (_succeeds(ipaddress.ip_address), 1),
    "isCIDR": (_succeeds(lambda text: ipaddress.ip_network(text, strict=False)), 1),
    "ip": (_address, 1),
    "cidr": (_network, 1),
    "sets.contains": (lambda one, two: _every(two, one), 2),
    "sets.equivalent": (lambda one, two: _every(one, two) and _every(two, one), 2),
    "sets.intersects": (lambda one, two: any(each in two for each in one), 2),
    "jsonpatch.escapeKey": (lambda key: key.replace("~", "~0").replace("/", "~1"), 1),
}
"""Called as f(x), with how many arguments."""
METHODS: dict[str, tuple[Implementation, int]] = {
    "isSorted": (_is_sorted, 1),
    "sum": (sum, 1),
    "min": (min, 1),
    "max": (max, 1),
    "indexOf": (_index, 2),
    "lastIndexOf": (_last_index, 2),
    "find": (_find, 2),
    "findAll": (_find_all, 2),
    "getScheme": (lambda url: urlsplit(url).scheme, 1),
    "getHost": (lambda url: urlsplit(url).netloc.rpartition("@")[2], 1),
    "getHostname": (lambda url: urlsplit(url).hostname or "", 1),
    "getPort": (lambda url: str(urlsplit(url).port or ""), 1),
    "getEscapedPath": (lambda url: urlsplit(url).path, 1),
    "getQuery": (lambda url: parse_qs(urlsplit(url).query), 1),
    "compareTo": (_compare, 2),
    "isGreaterThan": (lambda one, two: _compare(one, two) > 0, 2),
    "isLessThan": (lambda one, two: _compare(one, two) < 0, 2),
    "isInteger": (lambda one: parse(one) == int(parse(one)), 1),
    "asInteger": (lambda one: int(parse(one)), 1),
    "asApproximateFloat": (lambda one: float(parse(one)), 1),
    "sign": (lambda one: _compare(one, "0"), 1),
    "family": (lambda ip: ipaddress.ip_address(ip).version, 1),
    "isLoopback": (lambda ip: ipaddress.ip_address(ip).is_loopback, 1),
    "isUnspecified": (lambda ip: ipaddress.ip_address(ip).is_unspecified, 1),
    "isLinkLocalUnicast": (lambda ip: ipaddress.ip_address(ip).is_link_local, 1),
    "containsIP": (_contains, 2),
    "containsCIDR": (_covers, 2),
    "prefixLength": (lambda network: ipaddress.ip_network(network, strict=False).prefixlen, 1),
    **cel_authorizer.METHODS,
}
"""Called as x.f(y), with how many arguments, x counted. cel-cpp has `indexOf` of texts itself."""
_OF_LISTS = frozenset({"indexOf", "lastIndexOf"})


def extension(cel: Any) -> Any:
    """All of them, for an environment of `cel_expr_python`."""
    declared = [
        cel.FunctionDecl(name, [_overload(cel, name, *entry, is_member=member)])
        for table, member in ((FUNCTIONS, False), (METHODS, True))
        for name, entry in table.items()
    ]
    return cel.CelExtension("kubernetes", declared)


def _overload(cel: Any, name: str, call: Implementation, count: int, *, is_member: bool) -> Any:
    def called(*values: Any) -> Any:
        return call(*(_plain(value) for value in values))

    dynamic = cel.Type.DYN
    first = cel.Type.LIST if name in _OF_LISTS else dynamic
    return cel.Overload(
        f"kubernetes_{name}", dynamic, [first, *[dynamic] * (count - 1)],
        is_member=is_member, impl=called,
    )  # fmt: skip
