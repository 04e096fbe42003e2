"""What a program finds inside a container.

Paths, root directory, network, names, signals.
"""
