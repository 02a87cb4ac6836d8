"""Files of others to days in the lake: reading, staging, importing. May import lake and the reading of entries."""
