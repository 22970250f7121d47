"""Popular claims about activations, put to the test: each has a protocol, a figure and a verdict."""
