"""What views go by beside their watch: which writes they have to show, which objects they take.

`resilience.cluster.watch` and `resilience.cluster.sharing` import it; nobody else needs to.
"""
