"""The OpenAPI document of a server: `/openapi.json` and `shim openapi`."""
