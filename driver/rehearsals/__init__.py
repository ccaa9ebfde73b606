"""Rehearsals: cases of workflows, run on Mistral's own engine in this process and in virtual time.

The only part of the driver that imports Mistral, and only :mod:`driver.rehearsals.engine` and
:mod:`driver.rehearsals.replacements` do: it needs the extra ``rehearse``.
"""
