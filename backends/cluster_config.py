"""The settings of a cluster: how Ray is reached, and how many replicas of a model run where."""

from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1)]
Amount = Annotated[float, Meta(ge=0)]
"""An amount of a resource of Ray's; a part of a GPU is shared with other replicas."""


class Autoscaling(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Between how many replicas Ray Serve chooses, by their load."""

    min: Annotated[int, Meta(ge=0)] = 1
    """Fewest replicas; 0: the first request after a pause waits until one has opened."""
    max: Count
    """Most replicas."""
    target: Annotated[float, Meta(gt=0)] | None = None
    """Requests of one replica above which there should be more; None: 0.7 of `max_running`."""
    upscale_seconds: Annotated[float, Meta(ge=0)] = 30.0
    """Seconds of high load before a replica is added: Ray Serve's default."""
    downscale_seconds: Annotated[float, Meta(ge=0)] = 600.0
    """Seconds of low load before a replica is removed: Ray Serve's default."""

    def __post_init__(self) -> None:
        """Refuse a minimum above the maximum."""
        if self.min > self.max:
            raise ValueError("`min` is above `max`")


class Replication(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[models.cluster]`: the replicas of one model. Without a cluster it has no effect.

    Each replica opens the whole model, on one node.
    """

    replicas: Count = 1
    """How many there are, if `autoscaling` is not set."""
    autoscaling: Autoscaling | None = None
    num_cpus: Amount = 1.0
    """CPUs that each replica reserves. Ray counts them; it does not confine the replica to them."""
    num_gpus: Amount = 0.0
    """GPUs that each replica reserves and sees; for a tensor-parallel engine all of its GPUs."""
    resources: dict[str, Annotated[float, Meta(gt=0)]] = {}
    """Other resources that each replica reserves, by the names that nodes were started with: they
    decide on which nodes it may run."""
    max_per_node: Annotated[int, Meta(ge=1, le=100)] | None = None
    """Most replicas on one node; None: as many as there is room for."""


class ClusterConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[cluster]`: the cluster of Ray's on which the models run."""

    address: Annotated[str, Meta(pattern=r"^(auto|local|[^\s/]+:\d+)$")] = "auto"
    """`auto`: the cluster that this machine belongs to; `local`: a new one on this machine alone,
    which ends with the server; else HOST:PORT of a cluster's head."""
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "shim"
    """The beginning of the names of the applications of Ray Serve. Servers with the same name share
    the models that are configured alike."""
    keep: bool = False
    """Whether models stay open in the cluster after the server that opened them has ended."""
    token_interval_ms: Annotated[int, Meta(ge=0, le=60_000)] = 20
    """Milliseconds between two messages of a stream to the server; 0: one for each item. The first
    item and the end are sent at once."""
    reference_bytes: Annotated[int, Meta(ge=0)] = 4 << 20
    """Bytes above which a recording travels through Ray's object store, and not in a message."""
    retries: Annotated[int, Meta(ge=0, le=10)] = 2
    """Most further replicas that are tried for one request, before its first item."""
    start_seconds: Annotated[float, Meta(gt=0)] = 1800.0
    """Most seconds for all replicas of a model to open, the wait for free resources included."""
    drain_seconds: Annotated[float, Meta(ge=0)] = 120.0
    """Most seconds that a replica which is removed may take to end its requests."""
