"""The questions that are asked of a lake: SQL views, charts, coverage, exports. May import lake."""
