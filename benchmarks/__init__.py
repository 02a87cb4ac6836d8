"""What chartlake takes, measured: each module is a benchmark, and says at its top what it measures."""
