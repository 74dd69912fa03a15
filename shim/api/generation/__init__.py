"""What all routes of generated text share."""
