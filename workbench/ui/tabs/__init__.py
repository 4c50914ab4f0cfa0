"""One module per tab: `build(ctx)` lays out, `_wire` binds, plain functions do the work."""
