"""`python -m backends.catalogue.convert FILE.gguf FOLDER FORM...`: a folder for each form.

The forms are ct2-float32, ct2-int8 and hf. Prints the name of each before it begins.
"""

import shutil
import sys
from pathlib import Path

from .gguf_model import GgufModel
from .to_hugging_face import write_hugging_face
from .tokenizer import write_tokenizer


def main(file: str, folder: str, *forms: str) -> None:
    """Convert *file* to each of *forms*; a form's folder has its name only when it is whole."""
    # CTranslate2's converter would load torch where it is installed, which takes seconds.
    sys.modules["torch"] = None  # type: ignore[assignment]
    from .to_ctranslate2 import write_ctranslate2

    model = GgufModel(Path(file))
    for form in forms:
        sys.stdout.write(f"{form}\n")
        sys.stdout.flush()
        part = Path(folder) / f"{form}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        if form == "hf":
            write_hugging_face(model, part)
        else:
            write_ctranslate2(model, part, form.removeprefix("ct2-"))
        write_tokenizer(model, part)
        part.rename(Path(folder) / form)


if __name__ == "__main__":
    main(*sys.argv[1:])
