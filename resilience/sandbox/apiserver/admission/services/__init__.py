"""Services: their address families, their cluster IPs and node ports."""
