"""Models on other servers that speak OpenAI's API: a pool of upstreams."""
