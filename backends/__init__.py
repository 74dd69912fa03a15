"""Engines behind one seam. Nothing in here knows HTTP or OpenAI's JSON."""
