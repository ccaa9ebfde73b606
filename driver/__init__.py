"""Everything that runs outside Mistral: its client, the pack's installer and the commands."""
