"""The `prometheus` probe: one question, which samples count, and the judgement."""
