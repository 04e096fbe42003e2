"""Who asks, and may they: authentication, RBAC, tokens, reviews."""
