"""Measuring errors in ULP.

``points`` and ``sweep`` choose inputs, ``truth`` computes the exact values of float64 results, and
:mod:`fastact.evaluation.reference` those of float32; ``errors`` counts, ``double`` measures float64, ``run``
all that a command requests; ``results``, ``report`` and ``pictures`` present it.
"""
