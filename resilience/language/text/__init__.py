"""From characters to nodes with places: YAML, scalars, substitution, near misses."""
