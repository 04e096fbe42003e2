"""The files of a snapshot: archive, manifest, signature, encryption, layout of the store.

Imports no other room of `backup`.
"""
