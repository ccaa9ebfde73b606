"""A real Horizon, one for all of these tests."""
