"""What a value in another tool's notation most likely means.

Each hint is text that the value's own parser accepts, or "" without a good guess: `60` for a
duration is `60s`, `0.99` for an availability `99%`, `10MB` for a size `10M`.
"""

from __future__ import annotations

import re

from resilience.model.values import Reference

_LONG_UNITS = {
    "millisecond": "ms",
    "msec": "ms",
    "milli": "ms",
    "ms": "ms",
    "second": "s",
    "sec": "s",
    "s": "s",
    "minute": "m",
    "min": "m",
    "m": "m",
    "hour": "h",
    "hr": "h",
    "h": "h",
    "day": "d",
    "d": "d",
}
_AMOUNT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([A-Za-z%/ ]*)")


def _amount(text: str) -> tuple[str, str] | None:
    match = _AMOUNT.fullmatch(text.strip())
    return (match[1], match[2].strip().lower()) if match else None


def duration(text: str) -> str:
    """`60`, `60 s`, `5min`, `2 hours`."""
    if not (found := _amount(text)):
        return ""
    number, word = found
    unit = _LONG_UNITS.get(word) or _LONG_UNITS.get(word.removesuffix("s"), "")
    return f"{number}{unit}" if unit else f"{number}s" if not word else ""


def latency(text: str) -> str:
    """`300`: other tools state percentiles in milliseconds."""
    return f"{text.strip()}ms" if re.fullmatch(r"\s*[0-9]{2,9}\s*", text) else duration(text)


def availability(text: str) -> str:
    """`99`, `0.99`, `99.9 %`."""
    if not (found := _amount(text)) or found[1] not in ("", "%"):
        return ""
    number = float(found[0])
    if found[1] or number > 1:
        return f"{found[0]}%" if number <= 100 else ""
    return f"{_trimmed(number * 100)}%"


def error_budget(text: str) -> str:
    """`0.1% per 30d`, `0.1%`, `99.9%`, `99.9% of 30d`: what is left to fail, of a month."""
    part, _, period = (
        term.strip() for term in re.sub(r"\b(per|in)\b|/", "of", text).partition("of")
    )
    if not (found := availability(part)):
        return ""
    number = float(found.removesuffix("%"))
    left = found if number < 50 else f"{_trimmed(round(100 - number, 9))}%"
    return f"{left} of {duration(period) or '30d'}"


def share(text: str) -> str:
    """`0.33`, `33`, `33 %`, `1 / 3`."""
    if match := re.fullmatch(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", text):
        return f"{match[1]}/{match[2]}" if 0 < int(match[1]) <= int(match[2]) else ""
    guess = availability(text)
    return "" if guess == "0%" else guess


def rate(text: str) -> str:
    """`50`, `50 / s`, `50rps`, `50/sec`, `3000/min`."""
    if not (found := _amount(text)) or not float(found[0]):
        return ""
    number, word = found
    if word in ("", "rps", "qps", "hz", "per second"):
        return f"{number}/s"
    unit = _LONG_UNITS.get(word.removeprefix("/").strip(), "")
    return f"{number}/{unit}" if word.startswith("/") and unit in ("s", "m", "h") else ""


def size(text: str) -> str:
    """`10MB`, `10MiB`, `10 Mi`, `10m`, `10kb`."""
    match = re.fullmatch(r"\s*([0-9]{1,18})\s*([kmgt])(i?)b?\s*", text, re.IGNORECASE)
    if not match:
        return ""
    letter = match[2].upper()
    return f"{match[1]}{letter}i" if match[3] else f"{match[1]}{'k' if letter == 'K' else letter}"


def boolean(text: str) -> str:
    """YAML 1.1's other booleans."""
    return {
        "yes": "true",
        "on": "true",
        "y": "true",
        "1": "true",
        "no": "false",
        "off": "false",
        "n": "false",
        "0": "false",
    }.get(text.lower(), "")


def whole(text: str) -> str:
    """`010`, `1_000`, `1e3`, `3.0`, `+3`."""
    plain = text.strip().replace("_", "").removeprefix("+")
    if match := re.fullmatch(r"([0-9]{1,9})(?:\.0+)?(?:[eE]\+?([0-9]))?", plain):
        return str(int(match[1]) * 10 ** int(match[2] or 0))
    return ""


def selector(text: str) -> str:
    """`app: shop`, `app=shop, tier=db,`."""
    if match := re.fullmatch(r"([\w./-]+)\s*:\s*([\w.-]+)", text, re.ASCII):
        return f"{match[1]}={match[2]}"
    return text.strip().strip(",").replace("&&", ",") if text.strip().strip(",") else ""


def reference(text: str) -> str:
    """`checkout`, `deployment checkout`, `deployment.apps/checkout`, `Deployment/checkout`."""
    match = re.fullmatch(r"(?:([A-Za-z]+)(?:\.[a-z0-9.]+)?[/ ])?([a-z0-9][a-z0-9-]*)", text.strip())
    return f"{(match[1] or 'deployment').lower()}/{match[2]}" if match else ""


def other_kind(text: str) -> str:
    """For `rollout/web`: a kind that references do not know."""
    kind = re.fullmatch(r"([A-Za-z]+)(\.[a-z0-9.]+)?/.+", text.strip())
    if kind is None or kind[1].lower() in {*Reference.ALIASES, *Reference.ALIASES.values()}:
        return ""
    return (
        "; Pods of other kinds are chosen by `pods: LABELS`, and their objects changed by `apply`"
    )


def _trimmed(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")
