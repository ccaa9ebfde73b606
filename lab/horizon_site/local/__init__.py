"""What Horizon finds as its `local` package, because it stands first on its path."""
