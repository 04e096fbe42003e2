"""HTTP in and out of the API server: bodies, answers, upgrades, proxies, faults."""
