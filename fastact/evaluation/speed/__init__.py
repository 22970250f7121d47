"""Timing fastact and its peers.

``cases`` lists what is timed, ``implementations`` what does the work, ``timing`` measures, ``cells`` holds
the results, ``layouts`` and ``digits`` are measurements of their own; ``document``,
``sections``, ``notes`` and ``pictures`` present results, ``run`` is one run of the command.
"""
