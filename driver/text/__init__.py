"""Text in and out: strict YAML, the problems in a file, names in sentences."""
