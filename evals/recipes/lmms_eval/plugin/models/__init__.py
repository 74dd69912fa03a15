"""The models that this plug-in registers: module of this package → class in it."""

AVAILABLE_MODELS = {"whisper_tt": "WhisperTT"}
