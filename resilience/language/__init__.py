"""The scenario language: text and a catalogue of verbs in; typed scenarios, plans and problems out.

`load` is the door. Knows nothing of pytest, of a cluster, or of what any single verb does.
"""

from __future__ import annotations

from resilience.language.load import Loaded, load

__all__ = ["Loaded", "load"]
