"""The OpenAPI 3.1 document, made of the table of routes and the schemas."""

from __future__ import annotations

from functools import cache
from typing import Any

from .. import __version__
from .routes import ROUTES, Parameter, Route
from .schemas import schemas

# What each status means, whatever the route.
_STATUSES = {
    200: "Done",
    202: "Some of it is done, the rest was handed to the function `extract`",
    304: "What the caller has already (If-None-Match) is what would be answered",
    400: "The request is wrong; the message names the parameter or field and shows a right value",
    403: "API Gateway: no signature, or the caller's policy does not allow it",
    404: "What was asked for is not in the lake; the advice names the nearest",
    409: "What the cursor belongs to is another answer by now: begin again without it",
    413: "The body is too long",
    415: "The body is not application/json",
    422: "More would have to be read than fits into one answer's time",
    429: "API Gateway: more requests than it lets through",
    500: "An error that was not expected; the function's log has it",
    502: "Spotify refuses or fails; the advice says what to do",
    503: "The lake cannot be used, or what it holds is stale",
}
# What API Gateway and Chalice answer by themselves.
_EVERYWHERE = dict.fromkeys((429, 500), ("Unhandled",))
_SIGNED = {403: ("Unhandled",)}
_JSON = "application/json"
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of the answer that the caller has already",
    "schema": {"type": "string"},
}
_TAGS = {
    "ETag": {"schema": {"type": "string"}, "description": "changes with the body"},
    "Cache-Control": {
        "schema": {"type": "string"},
        "description": "an hour for what only speaks of days that are over; else to be asked again, with the ETag",
    },
}


@cache
def document() -> dict[str, Any]:
    """The whole document. Made once, since it is the same as long as the process lives."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "chartlake",
            "version": __version__,
            "description": "Daily, complete snapshots of Spotify playlists, and what chart people ask of them.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        # Beside this document, whatever the stage is called.
        "servers": [{"url": "."}],
        "security": [{"iam": []}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "iam": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "description": "AWS Signature Version 4 for the service execute-api",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                }
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    gives = {**route.gives, **_EVERYWHERE, **({} if route.public else _SIGNED)}
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [*(_parameter(one) for one in route.parameters), *([_IF_NONE_MATCH] if route.tagged else [])],
        "responses": {str(status): _response(route, status, gives[status]) for status in sorted(gives)},
    }
    if route.takes:
        operation["requestBody"] = {"content": {_JSON: {"schema": _ref(route.takes)}}}
    if route.public:
        operation["security"] = []
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    usual = {} if parameter.usual is None else {"default": parameter.usual}
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.meaning,
        "schema": {**parameter.schema, **usual},
        "example": parameter.example,
    }


def _response(route: Route, status: int, bodies: tuple[str, ...]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": _STATUSES[status]}
    if bodies:
        schema = _ref(bodies[0]) if len(bodies) == 1 else {"anyOf": [_ref(body) for body in bodies]}
        response["content"] = {_JSON: {"schema": schema}}
    if route.tagged and status in (200, 304):
        response["headers"] = _TAGS
    return response


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
