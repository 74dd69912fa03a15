"""Types and translations that all routes of generated text share."""
