"""The parsers of the commands: options and help, no logic.

`resilience.cli` imports them. Each names a function of `resilience.commands`, which is imported
when it runs, so that `--help` and completion stay fast.
"""
