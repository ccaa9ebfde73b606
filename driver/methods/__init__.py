"""The operator's recovery methods: which tasks are run for which failure.

``model`` says what a file of recovery methods means, ``reader`` reads it.
"""
