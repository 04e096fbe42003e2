"""Plans: what is due, the objectives of a plan, keys, the runbook, printed output."""
