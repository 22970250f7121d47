"""Timing fastact and its peers on ``evaluation.cases``.

``implementations`` do the work, ``timing`` measures, ``cells`` holds the results; ``layouts`` and ``digits``
are measurements of their own. ``document``, ``sections``, ``notes`` and ``pictures`` present results; ``run``
is one run of the command.
"""
