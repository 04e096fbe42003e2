"""Scenarios on several workers of pytest-xdist (`pytest scenarios/ -n 4`), and one report of them.

Each worker is a process with a `Session` of its own. On the embedded sandbox each one starts its
own cluster. On a real cluster the controller hands out scenarios so that those which act in the
same namespaces share a worker, and those which touch nodes run when nothing else does; the Leases
of each run apply as always. Imported only where pytest-xdist distributes tests.
"""
