"""The operator's recovery methods: which tasks are run for which failure.

``model`` says what a file of recovery methods means. ``reader`` reads one, in either format:
``methods_yaml`` our own, ``masakari_ini`` Masakari's. ``resolve`` finds out what each name stands
for in one Mistral, ``compile`` makes the workbook of it, ``apply`` does all of this for a file.
"""
