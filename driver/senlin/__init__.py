"""A Senlin health policy whose recovery is a chain of actions that may be Mistral workflows.

``policy`` is the entry point. ``policy``, ``node``, ``cluster`` and ``nova`` import Senlin; all
that is decided, is decided in the other modules, which import nothing of it.
"""
