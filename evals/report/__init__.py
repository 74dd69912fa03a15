"""Results for people: the summary and the table."""
