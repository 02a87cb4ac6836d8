"""From a clone to a running stack: `make deploy` and `make undeploy`. Runs on a person's machine, never in Lambda."""
