"""The actions that recover hosts, servers and processes."""
