"""What lies between the socket and a handler; knows no model."""
