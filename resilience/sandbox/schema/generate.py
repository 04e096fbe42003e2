"""Write `facts.json`: kinds, fields, types and merge keys, from the installed kubernetes client.

    python -m resilience.sandbox.schema.generate

Reads the client's sources as text (its models as classes cost a second and half a gigabyte to
import whole), adds what `marks.txt` and `names.txt` know, and writes one compact JSON without any
description. Only stable versions are kept, as a real API server serves no other by default.
Fails on any mark whose field the models do not have, so that a new client cannot drop one silently.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STABLE = re.compile(r"^v\d+$")
_PREFIX = re.compile(r"^(?:[A-Z][a-z]+)?V\d+(?=[A-Z])")
_CLASS = re.compile(r"^class (\w+)\(BaseModel\)", re.M)
_MAP = r"{}: ClassVar\[Dict\[str, str\]\] = (\{{.*?\n    \}}|\{{\}})"
_SCALARS = {
    "str": "string",
    "int": "integer",
    "bool": "boolean",
    "float": "number",
    "datetime": "time",
    "bytes": "bytes",
    "object": "object",
}
_BUILTIN = {*_SCALARS.values(), "intstr", "int64", "quantity"}
NEWER = {
    "clustertrustbundles",
    "podcertificaterequests",
    "devicetaintrules",
    "storageversionmigrations",
}
"""Resources whose v1 came after the release whose rules the sandbox follows."""


def client_folder() -> Path:
    """Where the installed client's sources lie, found without importing it."""
    spec = importlib.util.find_spec("kubernetes")
    if spec is None or spec.origin is None:
        raise SystemExit("the kubernetes client is not installed")
    return Path(spec.origin).parent / "client"


def field_type(text: str) -> str:
    """The name of a client's type in ours: "list[V1Container]" is "[]V1Container"."""
    text = text.strip()
    for opening, mark in (
        ("List[", "[]"),
        ("list[", "[]"),
        ("Dict[str, ", "{}"),
        ("dict(str, ", "{}"),
    ):
        if text.startswith(opening):
            return mark + field_type(text[len(opening) : -1])
    return _SCALARS.get(text, text)


def models(folder: Path) -> dict[str, dict[str, Any]]:
    """Every model of a stable version: {"fields": {json name: type}, "required": [json name]}."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / "models").glob("*.py")):
        text = path.read_text()
        name = _CLASS.search(text)
        if name is None or "lpha" in name[1] or "V1beta" in name[1] or "V2beta" in name[1]:
            continue
        found[name[1]] = model(text)
    for entry in found.values():
        # A stable struct may hold a field of an alpha type; a server without that feature drops it.
        entry["fields"] = {
            field: kind
            for field, kind in entry["fields"].items()
            if _base(kind) in _BUILTIN or _base(kind) in found
        }
    return found


def _base(kind: str) -> str:
    return kind.replace("[]", "").replace("{}", "")


def model(text: str) -> dict[str, Any]:
    """One model's fields, from the class variables and annotations of its source."""
    types = literal(text, "openapi_types")
    names = literal(text, "attribute_map")
    annotations = dict(re.findall(r"^    (\w+): (.+?)(?: = .*)?$", text, re.M))
    fields = {}
    for attribute, kind in types.items():
        either = "StrictInt | StrictStr" in annotations.get(attribute, "")
        fields[names[attribute]] = "intstr" if either else field_type(kind)
        if names[attribute] == "podFixed":  # A ResourceList, which the client declares as strings.
            fields["podFixed"] = "{}quantity"
    required = [
        names[attribute]
        for attribute in types
        if not annotations.get(attribute, "Optional").startswith("Optional")
        # An untyped value is never required: the client cannot distinguish null from absent there.
        and fields[names[attribute]] != "object"
    ]
    return {"fields": fields, "required": sorted(required)}


def literal(text: str, variable: str) -> dict[str, str]:
    """The dict literal assigned to a class variable."""
    match = re.search(_MAP.format(variable), text, re.S)
    return dict(ast.literal_eval(match[1])) if match else {}


def operations(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(operation, path, model of its 200 or 201 answer) of every call the client has."""
    serialize = re.compile(
        r"def _(\w+)_serialize\(.*?method='(\w+)',\s*resource_path='([^']+)'", re.S
    )
    for path in sorted((folder / "api").glob("*_v*_api.py")):
        text = path.read_text()
        answers = dict(
            re.findall(r"    def (\w+)\(\n(?:(?!    def ).)*?'20[01]': \"(\w+)\"", text, re.S)
        )
        for operation, _, route in serialize.findall(text):
            yield operation, route, answers.get(operation, "")


def split_path(path: str) -> tuple[str, str, bool, str, str] | None:
    """(group, version, namespaced, plural, subresource) of a path, None for other paths."""
    match = re.match(
        r"^/(?:api|apis/([^/{]+))/(v[^/]+)/(namespaces/\{namespace\}/)?([a-z]+)"
        r"(/\{name\}(?:/([a-z]+))?)?$",
        path,
    )
    if match is None or not STABLE.match(match[2]):
        return None
    return match[1] or "", match[2], bool(match[3]), match[4], match[6] or ""


def resources(folder: Path) -> list[dict[str, Any]]:
    """Every served resource with its model and subresources, sorted by group and plural."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for operation, path, answer in operations(folder):
        parts = split_path(path)
        if parts is None or parts[3] in {*NEWER, "componentstatuses"} or "watch" in path:
            continue
        group, version, namespaced, plural, subresource = parts
        entry = found.setdefault(
            (group, version, plural),
            {
                "group": group,
                "version": version,
                "plural": plural,
                "namespaced": False,
                "model": "",
                "subresources": [],
                "stored": False,
            },
        )
        entry["namespaced"] = entry["namespaced"] or namespaced
        if subresource:
            entry["subresources"] = sorted({*entry["subresources"], subresource})
        elif operation.startswith("create_"):
            entry["model"] = entry["model"] or answer
        elif operation.startswith("list_"):
            entry["stored"] = True
    for entry in found.values():
        entry["kind"] = _PREFIX.sub("", entry["model"])
    return [found[key] for key in sorted(found)]


def text_table(name: str) -> Iterator[list[str]]:
    """The lines of a table of this project, split as a shell would; comments dropped."""
    for line in (HERE / name).read_text().splitlines():
        if line and not line.startswith("#"):
            yield shlex.split(line)


def apply_marks(known: dict[str, dict[str, Any]]) -> None:
    """Add `marks.txt` to the models."""
    for word, target, *rest in text_table("marks.txt"):
        name, _, field = target.partition(".")
        if name not in known or (field and field not in known[name]["fields"]):
            raise SystemExit(f"marks.txt: {target} is not a field the client knows")
        entry = known[name]
        if word == "list":
            entry.setdefault("lists", {})[field] = ["" if word == "-" else word for word in rest]
        elif word == "enum":
            entry.setdefault("enums", {})[field] = rest
        elif word == "atomic" and not field:
            entry["atomic"] = True
        elif word == "atomic":
            entry.setdefault("lists", {})[field] = ["atomic", "", "", ""]
        else:
            entry["fields"][field] = (
                entry["fields"][field].replace("string", word).replace("integer", word)
            )


def reachable(known: dict[str, dict[str, Any]], roots: set[str]) -> dict[str, dict[str, Any]]:
    """Only the models that a served kind or option uses."""
    seen: set[str] = set()
    todo = sorted(roots)
    while todo:
        name = todo.pop()
        if name in seen or name in _BUILTIN:
            continue
        if name not in known:
            raise SystemExit(f"the client has no model {name}")
        seen.add(name)
        todo += [kind.lstrip("[]{}") for kind in known[name]["fields"].values()]
    return {name: known[name] for name in sorted(seen)}


def main() -> None:
    """Write the facts beside this module."""
    folder = client_folder()
    known, served = models(folder), resources(folder)
    apply_marks(known)
    shorts = {row[0]: row[1:] for row in text_table("names.txt")}
    for entry in served:
        singular, short, categories = shorts.get(entry["plural"], ["-", "-", "-"])
        entry["singular"] = entry["kind"].lower() if singular == "-" else singular
        entry["short"] = [] if short == "-" else short.split(",")
        entry["categories"] = [] if categories == "-" else categories.split(",")
    roots = {entry["model"] for entry in served} | {
        "V1Scale",
        "V1Eviction",
        "V1DeleteOptions",
        "V1Status",
        "V1Binding",
        "AuthenticationV1TokenRequest",
    }
    facts = {"models": reachable(known, roots), "resources": served}
    (HERE / "facts.json").write_text(json.dumps(facts, separators=(",", ":"), sort_keys=True))


if __name__ == "__main__":
    main()
