"""What a compromised or faulty process can reach."""
