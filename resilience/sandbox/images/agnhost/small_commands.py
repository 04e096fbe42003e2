"""`agnhost pause` and `agnhost entrypoint-tester`."""

from __future__ import annotations

import signal
import time

from resilience.sandbox.images.agnhost.agnhost_main import parse
from resilience.sandbox.inside.told import Told


def pause(arguments: list[str]) -> int:
    """Wait for SIGINT (exit code 1) or SIGTERM (2), as the real one does."""
    flags, _ = parse(arguments, {"delay-shutdown": 0})
    told = Told(signal.SIGINT, signal.SIGTERM)
    print("Paused", flush=True)
    got = told.wait()
    if flags["delay-shutdown"] > 0:
        print(f"Sleeping {flags['delay-shutdown']} seconds before exit ...", end="", flush=True)
        time.sleep(flags["delay-shutdown"])
    code = 1 if got == signal.SIGINT else 2
    print(f"exiting {code}")
    return code


def entrypoint_tester(arguments: list[str]) -> int:
    """Print the command line."""
    print(f"[/agnhost entrypoint-tester{''.join(' ' + argument for argument in arguments)}]")
    return 0
