"""Evaluations of any OpenAI-compatible server; a client: it imports neither shim nor backends."""
