"""Reports a run to its user: the summary, and how a terminal shows it."""
