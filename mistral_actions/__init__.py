"""Custom Mistral actions of the recovery pack. Runs inside Mistral's executor."""
