"""The routes: a folder for each, and `generation` for what the routes of text share."""
