"""Timing fastact against other ways to the same result.

``cases`` says what is timed, ``contestants`` who takes part, ``timing`` how, ``results`` what came out;
``digits`` is a whole training, ``machine`` the facts that a timing depends on, ``report`` and ``picture``
what a reader sees. Nothing here is imported by the library itself.
"""
