"""What every rule is made of: the rule itself, the inventory it reads, the proofs it offers."""
