"""Action plans over HTTP, beside Watcher's API: read one, cancel it, roll it back.

It keeps nothing and has no rights of its own: what a caller asks for is asked of Mistral with the
caller's own token. Built on Flask, the one framework for small applications that is both kept
well and part of OpenStack already (Keystone): it routes, refuses other methods, limits bodies and
answers errors in one place, without the state of a process that Pecan keeps, and what WebOb alone
does not do. The modules:

- :mod:`driver.api.app`: the routes;
- :mod:`driver.api.access`: who calls, and whether they may;
- :mod:`driver.api.resources`: what is answered, in the shape of Watcher's resources;
- :mod:`driver.api.errors`: what is answered when something is wrong;
- :mod:`driver.api.deploy` and :mod:`driver.api.wsgi`: how it is put behind keystonemiddleware;
- ``openapi.yaml``: the interface.
"""
