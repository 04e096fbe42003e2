"""Facts about Kubernetes objects that the product and the sandbox share.

Selectors, objects, tolerations. A leaf: it imports nothing else of the package.
"""
