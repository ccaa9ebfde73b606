"""How many actions may be ready at once before Mistral takes queued ones for dead."""
