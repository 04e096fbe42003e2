"""`python -m resilience.sandbox`: up, down, status, fault. See `command`."""

from resilience.sandbox.owner.command import main

if __name__ == "__main__":
    raise SystemExit(main())
