"""The routes, a folder for each, and three folders that they share.

`generation` has what all routes of text share, `speech` what chats and responses need to transcribe
a recording, `openapi` what describes the routes.
"""
