"""A real Senlin, one for all of these tests."""
