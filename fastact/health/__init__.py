"""Training health: what the units of a layer do, how a network's gradients fare, and what to do about it."""
