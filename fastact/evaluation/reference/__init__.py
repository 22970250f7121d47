"""The exact values of formulas at float32 inputs, fast enough for all 2^32 of them.

``program`` turns a text of the table into double-double operations, which the C files beside it execute,
with a bound of the error. ``values`` runs them, and takes from ball arithmetic what the bound leaves
undecided. Shares neither code nor constants with the kernels.
"""
