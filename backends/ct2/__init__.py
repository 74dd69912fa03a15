"""Chat through CTranslate2's Generator."""
