"""`python -m resilience` is the `resilience` command."""

from __future__ import annotations

import sys

from resilience.cli import main

if __name__ == "__main__":
    sys.exit(main())
