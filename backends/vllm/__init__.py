"""vLLM as a library: chats and embeddings through its engine, renderers, parsers and defaults."""
