"""docs/reference/options.md, generated from `options.OPTIONS` so that it cannot become outdated.

`python -m resilience.reference.options_reference docs/reference` writes it; a test compares the
two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from resilience.config.options import OPTIONS

NAME = "options.md"

HEAD = """\
# Options and exit codes

Each option can be given in three ways; the command line takes precedence over the environment, and
the environment over the ini file (`pytest.ini`, `pyproject.toml` ...). `resilience run` takes the
same options without the word `resilience` in front: `--seed 7`.

| command line | environment | ini key | what it does |
|---|---|---|---|
"""

CODES = """
## Exit codes of a pytest run

| code | meaning |
|---|---|
| 0 | every selected scenario and test passed |
| 1 | a service missed an objective, or a test failed |
| 2 | interrupted: Ctrl-C (after everything was undone), or a file could not be understood |
| 3 - 6 | pytest's own: internal error, wrong usage, nothing collected, too many warnings |
| 20 | something could not be undone: run `resilience recover`. Overrides every other code |
| 21 | something could not be measured, and nothing worse happened |
| 22 | the run itself failed, not the service, and nothing worse happened |
| 23 | a guard refused, and nothing worse happened |
| 24 | a disruption budget blocked what was requested, and nothing worse happened |
| 25 | a run was cut short (a lost lock, a timeout) and undone, and nothing worse happened |
| 129, 131, 143 | SIGHUP, SIGQUIT or SIGTERM, after everything was undone |

## Exit codes of the `resilience` command

| code | meaning |
|---|---|
| 0 | done |
| 1 | it could not be done, or something was found wrong: one line on stderr says what |
| 2 | wrong usage |
| 129, 130, 143 | SIGHUP, Ctrl-C or SIGTERM (an evicted Pod), after what was begun is taken back |

`resilience run` ends with pytest's codes.
"""


def text() -> str:
    """The whole page."""
    return HEAD + "\n".join(_rows()) + "\n" + CODES


def _rows() -> Iterator[str]:
    for option in OPTIONS:
        value = "" if option.flag else f" {option.metavar}"
        cells = (f"`{option.cli}{value}`", f"`{option.variable}`", f"`{option.key}`", option.help)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    from resilience.reference import (
        audit_reference,
        commands_reference,
        library_reference,
        targets_reference,
    )

    others = (audit_reference, commands_reference, library_reference, targets_reference)
    for name, made in ((NAME, text()), *((page.NAME, page.text()) for page in others)):
        (Path(sys.argv[1]) / name).write_text(made, encoding="utf-8")
