"""Turns targets and answers into scores: normalizers, scorers, intervals."""
