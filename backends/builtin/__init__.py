"""The two small models that the package contains; README.md is their model card."""
