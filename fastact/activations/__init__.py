"""What ``fastact.gelu`` and its like are: activation objects, found by name, and composed of others."""
