"""The subcommands of ``python -m fastact``, one module each.

A module has a docstring, which is the command's help, ``add_arguments(parser)`` and ``run(options) -> int``.
Modules are imported only when their command runs, so that a missing package affects no other command.
"""
