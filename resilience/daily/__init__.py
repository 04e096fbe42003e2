"""Scenarios that run again and again: `resilience watch`.

`loop` decides when the next one runs, on a clock that is an argument; `halts` says what stops it;
`child` runs one as a pytest of its own; `serving` answers /metrics and /healthz.
"""
