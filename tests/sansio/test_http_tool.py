from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import LocalProtocolError
from controller.sansio.agent import ToolDeclaration
from controller.sansio.arguments import Complaint
from controller.sansio.http_tool import MAX_URL, HttpRequest, HttpTool, Method, build


def tool_at(url: str, method: Method = "GET", **more: Any) -> HttpTool:
    return HttpTool(ToolDeclaration("tool", "A tool.", {}), method, url, **more)


def built(url: str, arguments: dict[str, Any], method: Method = "GET") -> HttpRequest:
    request = build(tool_at(url, method), arguments, {})
    assert isinstance(request, HttpRequest), request
    return request


def refused(url: str, arguments: dict[str, Any]) -> list[tuple[str, str]]:
    complaints = build(tool_at(url), arguments, {})
    assert isinstance(complaints, tuple), complaints
    return [(each.field, each.problem) for each in complaints]


BASE = "https://api.example.com"


@pytest.mark.parametrize(
    ("template", "arguments", "url"),
    [
        (BASE, {}, f"{BASE}/"),
        (f"{BASE}/a//b/", {}, f"{BASE}/a//b/"),
        (f"{BASE}/day/{{day}}", {"day": "fri day"}, f"{BASE}/day/fri%20day"),
        (f"{BASE}/{{a}}-{{b}}.json", {"a": 1, "b": True}, f"{BASE}/1-true.json"),
        (f"{BASE}/{{name}}", {"name": "Zo\u00eb?#&=%"}, f"{BASE}/Zo%C3%AB%3F%23%26%3D%25"),
        (f"{BASE}/{{n}}", {"n": -1.5}, f"{BASE}/-1.5"),
        (f"{BASE}/x?q={{q}}&v=1", {"q": "a&b/../c"}, f"{BASE}/x?q=a%26b%2F..%2Fc&v=1"),
        (f"{BASE}/x?q={{q}}&v=1", {}, f"{BASE}/x?v=1"),
        (f"{BASE}/x?q={{q}}", {"q": None}, f"{BASE}/x"),
        (f"{BASE}/x?v=1", {"q": "\n", "n": 2}, f"{BASE}/x?v=1&q=%0A&n=2"),
        (f"{BASE}/x", {"l": ["a", 1, None], "no": None}, f"{BASE}/x?l=a&l=1"),
        (f"{BASE}/x", {"o": {"k": "\u00eb"}}, f"{BASE}/x?o=%7B%22k%22%3A%22%C3%AB%22%7D"),
        ("http://127.0.0.1:8080/{a}", {"a": "\ud800"}, "http://127.0.0.1:8080/%3F"),
    ],
)
def test_arguments_go_to_their_places_or_into_the_query(
    template: str, arguments: dict[str, Any], url: str
) -> None:
    assert built(template, arguments).url == url


@pytest.mark.parametrize("value", ["", ".", "..", "%2e", "%2E%2e"])
def test_no_segment_of_the_path_is_empty_or_a_dot(value: str) -> None:
    assert refused(f"{BASE}/a/{{id}}/b", {"id": value}) == [("id", "must not be empty or a dot")]


def test_dots_that_meet_in_one_segment_are_found() -> None:
    assert refused(f"{BASE}/.{{id}}", {"id": "."}) == [("id", "must not be empty or a dot")]
    assert refused(f"{BASE}/%2E{{id}}", {"id": "."}) == [("id", "must not be empty or a dot")]
    assert refused(f"{BASE}/{{a}}{{b}}", {"a": ".", "b": "."}) == [
        ("a", "must not be empty or a dot")
    ]
    assert built(f"{BASE}/v{{id}}", {"id": ".."}).url == f"{BASE}/v.."


@pytest.mark.parametrize("value", ["a/b", "..\\x", "a\r\nb", "\x00", "%2Fetc", "..%5c"])
def test_no_value_in_the_path_is_read_as_more_than_one_segment(value: str) -> None:
    problem = "must not hold a slash, a backslash or a control code"
    assert refused(f"{BASE}/{{id}}", {"id": value}) == [("id", problem)]


def test_a_place_takes_one_text_or_number() -> None:
    assert refused(f"{BASE}/{{a}}/{{b}}/{{c}}?d={{d}}", {"a": [1], "b": {}, "d": []}) == [
        ("a", "must be one text or number"),
        ("b", "must be one text or number"),
        ("c", "is missing"),
        ("d", "must be one text or number"),
    ]


def test_an_address_has_an_end() -> None:
    short = f"{BASE}/?a="
    assert len(built(BASE, {"a": "x" * (MAX_URL - len(short))}).url) == MAX_URL
    assert refused(BASE, {"a": "x" * (MAX_URL - len(short) + 1)}) == [
        ("", "too long for an address")
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_other_methods_carry_what_has_no_place_as_json(method: Method) -> None:
    request = built(f"{BASE}/{{id}}", {"id": 7, "name": "Zo\u00eb", "none": None}, method)

    assert request.url == f"{BASE}/7"
    assert request.body == '{"name":"Zo\u00eb","none":null}'.encode()
    assert ("Content-Type", "application/json") in request.headers


def test_get_and_delete_have_no_body() -> None:
    for method in ("GET", "DELETE"):
        request = built(BASE, {"a": 1}, method)
        assert request.body is None
        assert "Content-Type" not in dict(request.headers)


def test_secrets_fill_headers() -> None:
    headers = (("Authorization", "Bearer ${CRM_TOKEN}"), ("X-Two", "${A}-${A}"))

    request = build(tool_at(BASE, headers=headers), {}, {"CRM_TOKEN": "s3cret", "A": "1"})

    assert isinstance(request, HttpRequest)
    assert dict(request.headers)["Authorization"] == "Bearer s3cret"
    assert dict(request.headers)["X-Two"] == "1-1"
    assert "s3cret" not in repr(request)


def test_what_is_ours_cannot_be_declared() -> None:
    headers = (("host", "other.example"), ("Webhook-ID", "x"), ("Controller-Call", "{}"))

    request = build(tool_at(BASE, headers=headers), {}, {})

    assert isinstance(request, HttpRequest)
    assert [name for name, _ in request.headers] == ["Accept"]


def test_what_is_accepted_may_be_declared() -> None:
    request = build(tool_at(BASE, headers=(("accept", "text/csv"),)), {}, {})

    assert isinstance(request, HttpRequest)
    assert request.headers == (("accept", "text/csv"),)


@pytest.mark.parametrize("secret", ["a\r\nX-Evil: 1", "a\nb", "\x00", "\u00e4"])
def test_a_secret_cannot_add_a_header(secret: str) -> None:
    with pytest.raises(LocalProtocolError, match="the header Authorization") as caught:
        build(tool_at(BASE, headers=(("Authorization", "${A}"),)), {}, {"A": secret})
    assert secret not in str(caught.value)


def test_a_secret_that_is_missing_is_named() -> None:
    with pytest.raises(LocalProtocolError, match="no secret CRM_TOKEN"):
        build(tool_at(BASE, headers=(("A", "${CRM_TOKEN}"),)), {}, {})


@pytest.mark.parametrize(
    "url",
    [
        "https://{host}/x",
        "https://user:password@api.example.com/",
        "ftp://api.example.com/",
        "https://api.example.com/a b",
        "https://api.example.com/a\r\nX: 1",
        "https://api.example.com/#fragment",
        "//api.example.com",
    ],
)
def test_the_host_is_the_operators(url: str) -> None:
    with pytest.raises(LocalProtocolError):
        build(tool_at(url), {"host": "127.0.0.1"}, {})


SCALARS = st.text() | st.integers() | st.floats(allow_nan=False) | st.booleans()


@given(st.dictionaries(st.text(min_size=1), SCALARS, max_size=5), SCALARS, SCALARS)
def test_no_argument_leaves_its_place(rest: dict[str, Any], path: Any, query: Any) -> None:
    rest.pop("path", None)
    rest.pop("query", None)
    request = build(
        tool_at(f"{BASE}/v1/{{path}}/end?q={{query}}"),
        {**rest, "path": path, "query": query},
        {},
    )
    if isinstance(request, tuple):
        assert isinstance(path, str)
        assert {each.field for each in request} <= {"path", ""}
        return

    parts = urlsplit(request.url)
    assert request.url.isascii()
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example.com", "")
    assert [unquote(each) for each in parts.path.split("/")] == ["", "v1", as_text(path), "end"]
    pairs = [("q", query), *rest.items()]
    assert parse_qsl(parts.query, keep_blank_values=True) == [
        (name, as_text(value)) for name, value in pairs
    ]


def as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="replace").decode()


def test_what_may_be_repeated() -> None:
    declared = ToolDeclaration("tool", "A tool.", {}, idempotent=True)
    assert tool_at(BASE).may_repeat
    assert not tool_at(BASE, "DELETE").may_repeat
    assert HttpTool(declared, "POST", BASE).may_repeat


def test_a_complaint_is_one_that_the_model_reads() -> None:
    assert build(tool_at(f"{BASE}/{{id}}"), {}, {}) == (Complaint("id", "is missing"),)
