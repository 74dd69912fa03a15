"""The two small models that ship with the package; README.md is their card."""
