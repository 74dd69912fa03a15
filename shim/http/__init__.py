"""Between the socket and a handler: connections, bodies, origins. Nothing in here knows a model."""
