"""Who sends a request, and whether they may: authentication, RBAC, tokens, reviews."""
