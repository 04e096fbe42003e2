"""Server-side tables: what `kubectl get` prints, with the real server's columns."""
