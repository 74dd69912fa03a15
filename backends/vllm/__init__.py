"""vLLM in this process: chat through its engine, its chat templates and its sampling."""
