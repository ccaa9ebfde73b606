"""The ``openstack recovery`` commands; only this package imports cliff."""
