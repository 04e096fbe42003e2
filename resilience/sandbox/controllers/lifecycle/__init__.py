"""What every cluster keeps in order: namespaces, accounts, garbage, quotas."""
