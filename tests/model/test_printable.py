"""Foreign text drives neither a terminal nor a CI log."""

from __future__ import annotations

from resilience.model.words import printable


def test_control_characters_and_workflow_commands_are_taken_out() -> None:
    text = "a\x1b]0;t\x07\x1b[2J\n::error file=a::X\n  ::stop-commands::t\n##[group]\tb"
    shown = printable(text)
    assert not any(c for c in shown if not c.isprintable() and c not in "\n\t")
    assert not any(line.lstrip().startswith(("::", "##[")) for line in shown.splitlines())
    assert printable("kept as it is: äöü ▼ a::b") == "kept as it is: äöü ▼ a::b"
