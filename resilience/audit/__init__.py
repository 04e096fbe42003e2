"""Rules that find defects by reading the objects of a cluster or of manifests.

`reading` makes an `Inventory` from files or from a live cluster, `rules` holds one small file for
each rule, `base` what they share, `output` the forms of a report. Nothing here changes a cluster,
and nothing here proves anything: each finding carries the steps of a scenario that would.
"""
