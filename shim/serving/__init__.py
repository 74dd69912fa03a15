"""One model's requests: admitted, run, counted. Nothing in here knows JSON or HTTP."""
