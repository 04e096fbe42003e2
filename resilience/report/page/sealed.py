"""A page that may run one script and load nothing: a template with its style sheet and its script.

The policy names the two by their SHA-256 (Content Security Policy Level 3, section 8.4), so text
that was not escaped by mistake would still not be executed. Style attributes are not allowed
either.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resilience.model.words import many
from resilience.report.tones import tone


@dataclass(frozen=True, slots=True)
class Sealed:
    """Names of files in `resilience/report/templates`; `script` is "" for none."""

    template: str
    styles: tuple[str, ...]
    script: str = ""


def rendered(page: Sealed, helpers: Mapping[str, Any], **values: Any) -> str:
    """The page's text; everything that is not marked as markup is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("resilience.report", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tone"] = tone
    environment.filters["many"] = many
    environment.filters["signed"] = lambda seconds: f"{seconds:+.2f}s"
    environment.globals.update(helpers)

    def own(name: str) -> str:
        return loader.get_source(environment, name)[0] if name else ""

    css, script = "".join(map(own, page.styles)), own(page.script)
    return environment.get_template(page.template).render(
        css=Markup(css), script=Markup(script), policy=policy(css, script), **values
    )


def policy(css: str, script: str) -> str:
    """The content of the policy's `<meta>`."""
    runs = _hash(script) if script else "'none'"
    return (
        f"default-src 'none'; style-src {_hash(css)}; script-src {runs}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
