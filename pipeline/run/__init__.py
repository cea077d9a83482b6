"""What the commands call: each takes a `Run` and goes from scenes to products, or to an estimate."""
