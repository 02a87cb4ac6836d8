"""What Lambda runs: the scheduled job, the worker, uploads, HTTP. May import every room above but api and cli."""
