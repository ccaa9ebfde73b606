"""The Mistral API, as far as the drivers need it."""
