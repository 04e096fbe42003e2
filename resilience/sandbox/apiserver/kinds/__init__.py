"""Which kinds are served: built in, by CustomResourceDefinitions, and aliases."""
