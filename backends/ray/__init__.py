"""Models on a cluster of Ray's: each is an application of Ray Serve with one or more replicas."""
