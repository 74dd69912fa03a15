"""What engines of text share: templates, tokens' bytes, stop strings, lengths."""
