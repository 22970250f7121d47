"""Dense layers and networks of them, forward and backward."""
