"""A restore into a scratch namespace, isolated from everything else, with proof."""
