"""The models, and what each request passes: a queue and metrics. No wire type is known here."""
