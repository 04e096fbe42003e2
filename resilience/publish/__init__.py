"""Where a finished run is published beyond this machine: object storage, a Pushgateway.

Each place gets what `resilience.report` makes; nothing here judges or words anything. Imported by
the harness at the end of a session only.
"""
