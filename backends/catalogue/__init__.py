"""Small real models and recordings that `shim pull` fetches; `catalogue.toml` lists them."""
