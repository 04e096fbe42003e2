"""Scenarios that run again and again: `resilience watch`.

`loop` decides when the next one runs, by a clock that is passed in; `halts` says what stops it;
`child` runs one as a pytest of its own; `serving` answers /metrics and /healthz.
"""
