"""What a program finds inside of a container.

Paths, root directory, network, names, signals.
"""
