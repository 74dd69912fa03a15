"""A parameter is honoured or refused, never ignored: probed with values whose effect is visible."""
