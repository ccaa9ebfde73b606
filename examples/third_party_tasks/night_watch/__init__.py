"""Tasks of the night watch: an example of a package that adds tasks to recovery methods."""
