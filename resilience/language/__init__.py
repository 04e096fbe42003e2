"""The scenario language: text and a catalogue of verbs in; typed scenarios, plans and problems out.

`load` is the entry point. Knows nothing of pytest, of clusters, or of what single verbs do.
"""

from __future__ import annotations

from resilience.language.load import Loaded, load

__all__ = ["Loaded", "load"]
