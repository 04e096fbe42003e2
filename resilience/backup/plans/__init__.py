"""Plans: what is due, the promises of a plan, keys, the runbook, printed texts."""
