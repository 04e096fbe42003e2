"""Probes: measurements that never stop while a scenario runs, and the rules by which they judge."""
