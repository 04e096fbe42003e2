"""The backup library: snapshots in Velero's layout, restores that are proven, drills.

No pytest and no scenario language in here: callers hand in a `Cluster`, a `Store`, a clock and
ids. `normalise`, `order`, `diff`, `retention` and `layout` are pure. A snapshot is visible only
when it is complete; what it promises is written in its manifest and can be verified by anybody who
can read the store.
"""
