"""Where a finished run is published beyond this machine: object storage, a Pushgateway.

Each place gets what `resilience.report` makes; nothing here makes verdicts or texts. Imported by
the harness at the end of a session only.
"""
