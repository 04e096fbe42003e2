"""The default scheduler: the node of each Pod, and the explanation when there is none.

Filters and scores are those of Kubernetes 1.36 (rules 3.13). A Pod of high priority preempts
others. Left out: image locality (every node has every image of the catalogue) and dynamic resource
allocation. Work per Pod does not grow with the number of Pods, and for Pods without inter-Pod rules
only with the logarithm of the number of nodes.
"""
