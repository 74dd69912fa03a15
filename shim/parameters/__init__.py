"""Decides for each documented parameter whether it is honoured, ignored or refused."""
