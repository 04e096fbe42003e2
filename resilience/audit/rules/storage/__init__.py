"""Claims, and data outside of them."""
