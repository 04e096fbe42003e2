"""A restore into a scratch namespace that cannot do harm, with proof."""
