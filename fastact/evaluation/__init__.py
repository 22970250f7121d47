"""The machinery of the commands: accuracy and speed of fastact and of other libraries, and their reports.

``expressions`` and ``cases`` are used by ``peers``, these by ``accuracy`` and ``speed``; none is used by the
library itself.
"""
