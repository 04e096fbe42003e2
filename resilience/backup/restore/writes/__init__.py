"""How one object is written, and what an API server that refuses it means."""
