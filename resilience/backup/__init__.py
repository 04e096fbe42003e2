"""The backup library: snapshots in Velero's layout, proven restores, drills.

It knows neither pytest nor the scenario language: callers pass a `Cluster`, a `Store`, a clock and
ids. `normalise`, `order`, `diff`, `retention` and `layout` are pure. A snapshot is visible only
when it is complete; its manifest says what it holds, and everyone who can read the store can verify
it.
"""
