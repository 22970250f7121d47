"""Find polynomial tables for smooth activations and write them as C; see ``__main__`` for the command."""
