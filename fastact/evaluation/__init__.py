"""The machinery of the commands: accuracy and speed of fastact and of other libraries, and their reports."""
