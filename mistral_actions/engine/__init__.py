"""YAQL functions. They run in Mistral's engine and read its database only."""
