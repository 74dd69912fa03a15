"""From targets and answers to figures: normalizers, scorers, intervals."""
