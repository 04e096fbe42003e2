"""Several clusters in one session: the same items for each, each with its own site and guard."""
