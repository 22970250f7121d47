"""Training: initialisation, optimisers, dropout, normalisation."""
