"""Custom resources: how definitions are checked, and how objects change between their versions."""
