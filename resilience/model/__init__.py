"""The leaf room: values and records that all other rooms use. Imports nothing of the package."""
