"""The lake over HTTP: a table of the routes, the answers, and the OpenAPI document that is made of both."""
