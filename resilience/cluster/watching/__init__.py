"""What views depend on besides their watch: which writes they have to show, which objects they
contain.

Only `resilience.cluster.watch` and `resilience.cluster.sharing` need to import it.
"""
