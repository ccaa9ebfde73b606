"""Action plans: read, checked, and compiled to Mistral workbooks; runs outside Mistral."""
