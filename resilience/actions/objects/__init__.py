"""Actions on any object: apply a manifest, delete objects."""
