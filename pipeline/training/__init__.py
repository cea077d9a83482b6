"""Making models from simulated worlds. Only the command line and `evaluation` import it."""
