"""First scenarios, plans and targets for existing objects: read, probed once, written with reasons.

`questions` finds out what a Service answers now, `scenario_draft` and `plan_draft` write for it,
`target_draft` and `ci_draft` write what surrounds them. Everything is text for people to read and
change, with comments that give the reasons. The language reads every draft before it is written.
"""
