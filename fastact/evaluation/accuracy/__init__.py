"""Measuring errors in units in the last place: points, truth, sweeps, peers, reports.

One idea per module; the commands ``accuracy`` and ``plot`` put them together. Knows how errors are counted;
does not know any activation, save what peers call theirs (``peers.py``).
"""
