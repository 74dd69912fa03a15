"""OpenAI's contract: endpoint by endpoint, format by format, with the stock client."""
