"""Places beyond this machine that get a finished run."""
