"""`make demo`: fetches real models and recordings, serves them, evaluates them."""
