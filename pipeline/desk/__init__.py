"""The review desk: a small web app on this machine in which a person judges one site after the other."""
