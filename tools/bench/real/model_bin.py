"""Reads the weights of a model in CTranslate2's format."""

import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

VERSION = 6
"""The version of `model.bin` that `ctranslate2.specs.model_spec` writes."""
TYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}


def read(path: Path) -> dict[str, Array]:
    """Return the variables of a `model.bin` by CTranslate2's names.

    Raises ValueError for another version of the format, or weights in 8 bits.
    """
    with path.open("rb") as file:
        version = _number(file, "I")
        if version != VERSION:
            raise ValueError(f"{path} is of version {version} instead of {VERSION}")
        _text(file)  # the specification's name and, next, its revision
        _number(file, "I")
        found = dict(_variable(file) for _ in range(_number(file, "I")))
    if any(name.endswith("weight_scale") for name in found):
        raise ValueError(f"{path} is quantized")
    return found


def _variable(file: IO[bytes]) -> tuple[str, Array]:
    name = _text(file)
    shape = [_number(file, "I") for _ in range(_number(file, "B"))]
    kind = TYPES[_number(file, "B")]
    return name, np.frombuffer(file.read(_number(file, "I")), kind).reshape(shape)


def _number(file: IO[bytes], kind: str) -> int:
    (number,) = struct.unpack(f"<{kind}", file.read(struct.calcsize(kind)))
    return int(number)


def _text(file: IO[bytes]) -> str:
    return file.read(_number(file, "H"))[:-1].decode()
