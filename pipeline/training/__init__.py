"""Making models from simulated worlds. Nothing outside this package imports it but the command line."""
