"""OpenStack services as the actions see them."""
