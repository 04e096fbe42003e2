"""Rules about the reach of a compromised or faulty process."""
