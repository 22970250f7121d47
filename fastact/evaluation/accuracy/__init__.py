"""Measuring errors in ULP.

``points`` and ``sweep`` choose inputs, ``truth`` computes exact values, ``errors`` counts, ``double``
measures float64, ``run`` all that a command requests; ``results``, ``report`` and ``pictures`` present it.
"""
