"""Pure functions over text: no files, no clocks, no models."""
