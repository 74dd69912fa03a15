"""lmms-eval's class, which release 0.7.3 has and does not register."""

from lmms_eval.models.whisper_tt import WhisperTT

__all__ = ["WhisperTT"]
