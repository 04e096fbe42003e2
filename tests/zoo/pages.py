"""The pages in docs/zoo/: one for each service, and the list of all.

    python -m tests.zoo.pages docs/zoo

Made from zoo.toml and the files of the services; a test holds them to these.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.zoo.expected import Service, services

NOTE = "<!-- Made by `make docs` from tests/zoo. -->"
SHARED = {"program", "store", "caller"}
"""Manifests that many services share: linked, not printed."""


def pages() -> dict[str, str]:
    """The text of each file by its name."""
    found = {f"{name}.md": page(service) for name, service in services().items()}
    return found | {"README.md": index()}


def index() -> str:
    """All services in one table."""
    rows = [
        f"| [{name}]({name}.md) | {title(each)} | {each.outcome} |"
        for name, each in services().items()
    ]
    return "\n".join([
        "# The zoo", "", NOTE, "",
        "Small services, each with one known defect or none, and the scenario that an engineer",
        "would write. Each page has the symptom, the cause, the cure and the scenario. `make zoo`",
        "runs all of them and prints how often each verdict was right.", "",
        "| service | what is wrong | verdict |", "|---|---|---|", *rows, "",
    ])  # fmt: skip


def page(service: Service) -> str:
    """One service."""
    place = "../../tests/zoo/services"
    lines = [f"# {title(service)}", "", NOTE, "",
             f"**Symptom.** {service.symptom}", "", f"**Why.** {service.why}", "",
             f"**How to fix it.** {service.fix}", "", "## The scenario", "",
             _verdict(service), "",
             "```yaml", service.scenario.read_text(encoding="utf-8").rstrip(), "```", "",
             ]  # fmt: skip
    for manifest in service.manifests:
        link = f"{place}/manifests/{manifest.name}"
        if manifest.stem in SHARED:
            lines += [f"The program is in [{manifest.name}]({link}).", ""]
            continue
        text = manifest.read_text(encoding="utf-8").rstrip()
        lines += [f"## {manifest.name}", "", "```yaml", text, "```", ""]
    return "\n".join(lines)


def _verdict(service: Service) -> str:
    says = f"; the report names `{'`, `'.join(service.says)}`" if service.says else ""
    return f"It ends with *{service.outcome}*{says}."


def title(service: Service) -> str:
    """The scenario's own, with a capital, or the one that zoo.toml gives a plan."""
    if service.title:
        return service.title
    first = service.scenario.read_text(encoding="utf-8").splitlines()
    text = next(line.split(":", 1)[1].strip() for line in first
                if line.startswith(("scenario:", "plan:")))  # fmt: skip
    return text[:1].upper() + text[1:]


def main(folder: str) -> int:
    """Write them; what is no page of ours any more is deleted."""
    made = pages()
    for old in Path(folder).glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
