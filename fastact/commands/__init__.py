"""The subcommands of ``python -m fastact``, one module each.

A command module has a docstring (its help), ``add_arguments(parser)`` and ``run(options) -> int``. Modules
are imported only when their command runs, so that an absent extra disturbs no other.
"""
