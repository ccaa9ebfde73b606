"""The benchmark of action plans: what Mistral needs to carry out plans that do nothing.

The actions are ``nop``, so that all that is measured is the price of the workflow engine: of
accepting a plan, and of each action, as a chain, as a layered graph and as independent actions.
``python -m bench.action_plan --help``.
"""
