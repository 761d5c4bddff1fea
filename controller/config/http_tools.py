"""HTTP tools in an agent file: what may be asked for, where, and with which secrets.

The model fills in arguments and the operator owns the address, so everything that decides where a
request goes is checked here, when the file is read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from controller.config import urls
from controller.config.document import dotted
from controller.config.problems import problems_of
from controller.config.section import Section, Text
from controller.errors import ConfigurationError
from controller.sansio.agent import ToolDeclaration
from controller.sansio.arguments import Arguments
from controller.sansio.http_tool import HttpTool

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from controller.config.document import KeyPath
    from controller.config.problems import Complaints

_PLACE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_ORIGIN: Final = re.compile(r"[^/?#]*(//[^/?#]*)?")
"""Scheme, host and port, and nothing where there is none (RFC 3986, Appendix B)."""

ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""OpenAI's rule for the names of functions."""


class Parameter(Section):
    """One argument of an HTTP tool, in the short form."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    """`string`, `integer`, `number` or `boolean`."""
    description: Text | None = None
    """What the model is to put there."""
    enum: Annotated[list[str | int | float], Field(min_length=1)] | None = None
    """The only values that it may have."""
    required: bool = True
    """The model must give it."""


class HttpToolEntry(Section):
    """A tool that is an HTTP request. It is offered to the model when `tools` names it."""

    name: ToolName
    """what the model calls it: letters, digits, _ and -, at most 64"""
    description: Text
    """what it does and when to use it; the model reads it to choose"""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """`GET`, `POST`, `PUT`, `PATCH` or `DELETE`."""
    url: str
    """the address, `https://…`, with `{argument}` in path and query"""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Its arguments: a table for each, with `type` (`string`, `integer`, `number` or `boolean`),
    `description`, `enum` and `required` (true without it); or a JSON Schema of type `object`."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers of the request; `${NAME}` in a value stands for a secret."""
    timeout: Annotated[float, Field(gt=0, le=300, allow_inf_nan=False)] = 8.0
    """Seconds until it is given up and the model is told so."""
    retries: Annotated[int, Field(ge=0, le=5)] = 2
    """Further attempts after a connection that failed or a 429, 502, 503 or 504; of `GET` and of
    idempotent tools only."""
    idempotent: bool = False
    """Doing it twice is the same as doing it once."""
    on_duplicate: Literal["run", "reuse", "refuse"] = "run"
    """What a second call with the same arguments does: `run` again, `reuse` the first output, or
    `refuse`."""
    cancel_on_hangup: bool = False
    """Stop it when the caller hangs up."""
    speak_while_waiting: bool = True
    """Say a filler while the caller waits for it."""
    max_response_bytes: Annotated[int, Field(ge=1, le=1_048_576)] = 65_536
    """Longest answer that is read."""
    allow_private: bool = False
    """`http` and private addresses may be asked."""
    signed: bool = True
    """Send the facts of the call, signed; `false` for a service of somebody else's, which has no
    use for the caller's number."""


def read(
    entry: HttpToolEntry, path: KeyPath, complaints: Complaints, *, private_hosts: Collection[str]
) -> HttpTool:
    """Check what pydantic cannot, and return the tool.

    Args:
        entry: The tool.
        path: Where it stands in the agent file.
        complaints: Takes what is wrong.
        private_hosts: Those that may have private addresses, whatever the tool says.
    """
    schema = _schema(entry.parameters, (*path, "parameters"), complaints)
    is_private = entry.allow_private or urls.host_of(entry.url) in private_hosts
    tool = _tool_of(entry, schema or {"properties": {}}, allow_private=is_private)
    urls.check_headers(entry.headers, (*path, "headers"), complaints)
    _check_url(entry.url, (*path, "url"), complaints, schema=schema, allow_http=is_private)
    if "retries" in entry.model_fields_set and entry.retries and not tool.may_repeat:
        complaints.add(
            (*path, "retries"),
            f"{entry.method} is not repeated",
            "say idempotent = true if doing it twice is the same as once, or leave retries out",
        )
    return tool


def _check_url(
    url: str,
    path: KeyPath,
    complaints: Complaints,
    *,
    schema: Mapping[str, Any] | None,
    allow_http: bool,
) -> None:
    template = _PLACE.sub("x", url)
    origin = _ORIGIN.match(url)
    if origin and "{" in origin[0]:
        complaints.add(
            path, "an argument chooses the host", "scheme, host and port are written out"
        )
    elif refusal := urls.check_url(template, allow_http=allow_http):
        # Whoever tries a tool out has its service on the same machine.
        cure = f"{refusal.cure}, or allow_private = true for a service of your own network"
        is_http = refusal.found.endswith(urls.NOT_ENCRYPTED)
        complaints.add(path, refusal.found, cure if is_http else refusal.cure)
    elif "{" in template or "}" in template:
        complaints.add(
            path, f"found {url!r}", "must hold { and } round the name of an argument only"
        )
    elif schema is not None:
        _check_places(url, path, complaints, schema=schema)


def _tool_of(entry: HttpToolEntry, schema: Mapping[str, Any], *, allow_private: bool) -> HttpTool:
    return HttpTool(
        declaration=ToolDeclaration(
            name=entry.name,
            description=entry.description,
            parameters=schema,
            timeout=entry.timeout,
            idempotent=entry.idempotent,
            on_duplicate=entry.on_duplicate,
            cancel_on_hangup=entry.cancel_on_hangup,
            speak_while_waiting=entry.speak_while_waiting,
        ),
        method=entry.method,
        url=entry.url,
        headers=tuple(entry.headers.items()),
        retries=entry.retries,
        max_response_bytes=entry.max_response_bytes,
        allow_private=allow_private,
        signed=entry.signed,
    )


def secrets_of(entry: HttpToolEntry) -> Iterable[tuple[KeyPath, str]]:
    """Yield the secrets that a tool names, each with its place in the entry."""
    for header, value in entry.headers.items():
        for name in urls.secrets_in(value):
            yield ("headers", header), name


def _check_places(
    url: str, path: KeyPath, complaints: Complaints, *, schema: Mapping[str, Any]
) -> None:
    address = url.partition("?")[0]
    for name in dict.fromkeys(_PLACE.findall(url)):
        if name not in schema["properties"]:
            complaints.add(path, f"{{{name}}} is no parameter", "give it in parameters")
        elif f"{{{name}}}" in address and name not in schema.get("required", ()):
            complaints.add(
                path, f"{{{name}}} may be missing", "a parameter in the path must be required"
            )


def _schema(
    parameters: dict[str, Any], path: KeyPath, complaints: Complaints
) -> dict[str, Any] | None:
    before = len(complaints.problems)
    if isinstance(parameters.get("type"), str):
        _check_schema(parameters, path, complaints)
        schema = parameters
    else:
        schema = _short_form(parameters, path, complaints)
    if len(complaints.problems) != before:
        return None
    try:
        Arguments(schema)
    except ConfigurationError as error:
        for problem in error.problems:
            inner = problem.key.split(".")[1:]
            complaints.add((*path, *inner), problem.found, problem.cure)
        return None
    return schema


def _check_schema(schema: dict[str, Any], path: KeyPath, complaints: Complaints) -> None:
    """Check what JSON Schema allows and a tool cannot have."""
    if schema["type"] != "object":
        complaints.add((*path, "type"), f"found {schema['type']!r}", 'must be "object"')
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        found = "is missing" if properties is None else "is no table"
        complaints.add((*path, "properties"), found, "must be a table, with one for each argument")
        return
    for name, each in properties.items():
        if not isinstance(each, dict):
            complaints.add((*path, "properties", name), "is no table", "must be a JSON Schema")
    required = schema.get("required", [])
    if not isinstance(required, list):
        complaints.add((*path, "required"), "is no list", 'must be a list, like ["one", "two"]')
        return
    for index, name in enumerate(required):
        if name not in properties:
            complaints.add(
                (*path, "required", index), f"{name!r} is no parameter", "give it in properties"
            )


def _short_form(
    parameters: dict[str, Any], path: KeyPath, complaints: Complaints
) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, table in parameters.items():
        try:
            parameter = Parameter.model_validate(table)
        except ValidationError as error:
            found = problems_of(error, model=Parameter, raw=table, where=dotted)
            for inner, problem in found:
                complaints.add((*path, name, *inner), problem.found, problem.cure)
            continue
        properties[name] = parameter.model_dump(exclude={"required"}, exclude_none=True)
        required += [name] if parameter.required else []
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
