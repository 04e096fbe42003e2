"""What the kubelet asks, and how a Pod comes and goes."""
