"""Server-side tables: what `kubectl get` prints, column by column as the real server makes it."""
