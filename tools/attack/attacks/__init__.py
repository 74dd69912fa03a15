"""The attacks, a module for each thing that they press on."""
