"""vLLM's own parameters: one table of their names and neutral values."""

from shim.api.generation.sampling import SamplingFields
from shim.api.generation.vllm_parameters import PARAMETERS, ChatFields

ELSEWHERE = {"chat_template_kwargs", "transcription"}
"""Fields that `Generation.engine_options` does not carry."""


def test_the_table_is_complete() -> None:
    """Every field that is not a sampling parameter is in the table, and nothing else."""
    sampling = set(SamplingFields.__struct_fields__)

    assert PARAMETERS.keys() == {*ChatFields.__struct_fields__} - sampling - ELSEWHERE
