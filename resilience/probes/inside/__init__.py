"""Programs for the Pod of a prober whose image must contain this package."""
