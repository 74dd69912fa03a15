"""A model on a cluster runs as many requests as all its replicas take."""

from backends.base import Backend, ReplicaState
from backends.config import FakeModelConfig, FakeOptions
from backends.fake import FakeChat
from shim.serving.metrics import Metrics
from shim.serving.replicas import by_node, follow
from shim.serving.served_model import ServedModel


class Replicated(FakeChat):
    """A chat model with the replicas of a test."""

    stamp = "stamp"
    nodes: tuple[str, ...] = ()

    def replicas(self) -> tuple[ReplicaState, ...]:
        """Return one replica on each of the `nodes`."""
        return tuple(ReplicaState(id=str(n), node=node) for n, node in enumerate(self.nodes))


def served(backend: Backend) -> ServedModel[Backend]:
    """Return a model with two slots and no queue."""
    config = FakeModelConfig(id="m", source="chat", max_running=2, max_waiting=0)
    return ServedModel(config, backend, Metrics().requests)


def test_slots_follow_the_replicas() -> None:
    """There are `max_running` slots for each replica; without one, those of one."""
    backend = Replicated(FakeOptions())
    model = served(backend)
    capacities = []

    for nodes in (("a",), ("a", "a", "b"), ()):
        backend.nodes = nodes
        follow([model])
        capacities.append(model.admission.capacity)

    assert capacities == [2, 6, 2]


def test_a_model_in_this_process() -> None:
    """A model that is not on a cluster keeps its slots, and is not listed."""
    model = served(FakeChat(FakeOptions()))

    follow([model])

    assert model.admission.capacity == 2
    assert by_node([model]) == {}


def test_replicas_by_node() -> None:
    """Replicas are counted on each node."""
    backend = Replicated(FakeOptions())
    backend.nodes = ("a", "a", "b")

    assert by_node([served(backend)]) == {"m": {"a": 2, "b": 1}}
