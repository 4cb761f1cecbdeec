"""How the OpenAPI document describes an operation, beyond what a view declares.

A view's docstring is its summary and description; its path and method give its name; and how it may
refuse follows from what it takes, so that no view repeats it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc
from rest_framework.serializers import ListSerializer, Serializer

from imsystem.http.problems import CODES, CONTENT_TYPE, problem

Json = dict[str, Any]

PROBLEM: Json = {
    "type": "object",
    "description": (
        "An error (RFC 9457). Programs test `code`; `detail` is for people, in their language. "
        "docs/protocol.md lists the codes."
    ),
    "properties": {
        "type": {"type": "string", "enum": ["about:blank"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "what is wrong, by field",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "request_id": {
            "type": "string",
            "description": "the X-Request-ID of this answer: what the server's log calls it",
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
    "additionalProperties": False,
}
# Name and description of the answer with each status that a client should expect.
REFUSALS: Mapping[int, tuple[str, str]] = {
    400: ("BadRequest", "The input is not valid: `errors` says what is wrong, by field."),
    401: ("NotAuthenticated", "No valid sign-in, or the credentials are wrong."),
    403: ("Forbidden", "You may see the thing, but not do this."),
    404: ("NotFound", "There is no such thing, or you may not know that there is."),
    413: ("TooLarge", "The body is over its limit."),
    415: ("UnsupportedMediaType", "The body has a type that is not read here."),
    429: ("RateLimited", "Too often. Ask again after `Retry-After` seconds."),
    503: ("Unavailable", "A database does not answer, and nothing was acknowledged. Repeat it."),
}
_RETRY_AFTER: Json = {
    "description": "seconds to wait",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
_HEADERS: Mapping[int, Json] = {429: {"Retry-After": _RETRY_AFTER}}
# What a method does to what its path names. A POST is named by its path, as in `rooms_leave`.
_VERBS = {"GET": "get", "PUT": "set", "PATCH": "update", "DELETE": "delete"}
_FIRST_SENTENCE = re.compile(r"(.+?)\.(?:\s+|$)(.*)", re.DOTALL)


class ApiSchema(AutoSchema):
    """One operation. A view with more refusals than follow from what it takes names their statuses
    in `also_refuses`."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Json | None:
        operation: Json | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        operation.setdefault("security", [])  # otherwise nothing says that it is open
        for answer in operation["responses"].values():
            answer["description"] = answer["description"] or "Done."
        operation["responses"] |= {
            str(status): _ref(REFUSALS[status][0]) for status in self._refusals(operation)
        }
        operation["responses"]["default"] = _ref("Problem")
        return operation

    def _refusals(self, operation: Json) -> list[int]:
        """Returns the statuses of the errors that a client of this operation should expect."""
        changes, body = self.method != "GET", "requestBody" in operation
        places = {parameter["in"] for parameter in operation.get("parameters", [])}
        expected = {
            400: body or "query" in places,
            401: bool(operation["security"]),
            403: bool(operation["security"]) and changes,
            404: "path" in places,
            413: body,
            415: body,
            429: True,
            503: True,
        }
        also = getattr(self.view, "also_refuses", ())
        return [status for status, follows in expected.items() if follows or status in also]

    def get_auth(self) -> list[Json]:
        return super().get_auth() if self.view.authentication_classes else []

    def get_summary(self) -> str:
        return self._doc()[0]

    def get_description(self) -> str:  # type: ignore[override]
        return self._doc()[1]

    def _doc(self) -> tuple[str, str]:
        """Returns the first sentence of the method's docstring, without its full stop, and the
        others."""
        doc: str = get_doc(getattr(self.view, self.method.lower()))
        parts = _FIRST_SENTENCE.fullmatch(doc)
        if parts is None:
            raise ValueError(f"{self.method} {self.path} has no sentence that says what it does")
        return " ".join(parts[1].split()), parts[2]

    def get_operation_id(self) -> str:
        path = [each.replace("-", "_") for each in self._tokenize_path()]
        return "_".join([*path, *self._verb()])

    def _verb(self) -> list[str]:
        if self.method == "POST":
            return ["create"] if hasattr(self.view, "get") else []
        return ["list" if self._answers_list() else _VERBS[self.method]]

    def _answers_list(self) -> bool:
        """True for a GET whose answer is a list, with or without more about it."""
        answer = self.get_response_serializers()
        if (
            self.method != "GET"
            or not isinstance(answer, type)
            or not issubclass(answer, Serializer)
        ):
            return False
        fields = answer().get_fields().values()
        return any(isinstance(field, ListSerializer) for field in fields)


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/responses/{name}"}


def _answer(description: str, headers: Json, example: Json | None) -> Json:
    content: Json = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if example:
        content["example"] = example
    answer = {"description": description, "content": {CONTENT_TYPE: content}}
    return {**answer, "headers": headers} if headers else answer


def _answers() -> Iterator[tuple[str, Json]]:
    yield "Problem", _answer("Any other error.", {}, None)
    for status, (name, description) in REFUSALS.items():
        example = problem(status, CODES[status], description)
        yield name, _answer(description, dict(_HEADERS.get(status, {})), example)


def with_problems(result: Json, **_context: Any) -> Json:
    """drf-spectacular's hook: adds the problem document, and the answers that consist of it."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    result["components"]["responses"] = dict(_answers())
    return result
