"""What several actions need: references to workloads, manifests, kinds."""
