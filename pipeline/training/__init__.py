"""Training of models on simulated worlds; imported only by the command line and `evaluation`."""
