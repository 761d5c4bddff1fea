from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.document import dotted
from controller.config.problems import Complaints
from controller.config.urls import check_headers, check_url, host_of, secrets_in


def header_problems(name: str, value: str = "x") -> list[str]:
    complaints = Complaints(dotted)
    check_headers({name: value}, ("headers",), complaints)
    return [f"{each.found}; {each.cure}" for each in complaints.problems]


@pytest.mark.parametrize(
    "url",
    ["https://crm.example.net", "https://crm.example.net:8443/a/b?c=d&e", "https://192.0.2.1/",
     "https://[2001:db8::1]:8443/x", "https://crm.example.net/a%20b"],
)  # fmt: skip
def test_an_address_over_tls_may_be_asked(url: str) -> None:
    assert check_url(url, allow_http=False) is None


def test_a_plain_address_may_be_asked_where_it_is_allowed() -> None:
    assert check_url("http://10.0.0.1/x", allow_http=True) is None
    refusal = check_url("http://10.0.0.1/x", allow_http=False)
    assert refusal is not None
    assert refusal.found == "http://10.0.0.1 is not encrypted"


@pytest.mark.parametrize(
    "url",
    ["", "crm.example.net", "ftp://x", "HTTPS://crm.example.net", "https://", "https:///x",
     "https://x:0/", "https://x:99999/", "https://x:y/", "https://x/#part", "https://x/a b",
     "https://x/\u00e4", "https://x/\r\nY: z", "https://[::1/", "//x/y",
     "https://x/a\\b", "https://x|y/", "javascript:alert(1)"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    for allow_http in (True, False):
        refusal = check_url(url, allow_http=allow_http)
        assert refusal is not None
        assert "must be an address like" in refusal.cure


@pytest.mark.parametrize(
    "url", ["https://user:hush@x/", "https://hush@x/", "https://x/?key=${HUSH}", "https://:hush@x"]
)
def test_a_credential_in_an_address_is_refused_and_not_shown(url: str) -> None:
    refusal = check_url(url, allow_http=True)

    assert refusal is not None
    assert refusal.found == "holds a credential"
    assert "hush" not in f"{refusal}".lower()


def test_a_broken_address_does_not_show_what_may_be_a_password() -> None:
    refusal = check_url("https//user:hush@x y", allow_http=True)

    assert refusal is not None
    assert refusal.found == "is no address"


@given(st.text(max_size=40) | st.text("htps:/@?#{}$[]0.x-", max_size=30))
def test_any_text_gets_an_answer(text: str) -> None:
    for url in (text, f"https://{text}", f"https://x/{text}"):
        if check_url(url, allow_http=False) is None:
            assert url.startswith("https://")
            assert urlsplit(url).hostname
            assert url.isascii()
            assert url.isprintable()
        host_of(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://CRM.example.net:8443/x", "crm.example.net"),
        ("https://crm.example.net./", "crm.example.net"),
        ("https://[2001:DB8::1]/", "[2001:db8::1]"),
        ("https://[::1/", ""),
        ("nothing", ""),
    ],
)
def test_the_host_of_an_address_is_compared_in_one_form(url: str, host: str) -> None:
    assert host_of(url) == host


def test_headers_may_name_secrets() -> None:
    assert header_problems("Authorization", "Bearer ${CRM_TOKEN}") == []
    assert header_problems("X-Tenant", "acme") == []
    assert secrets_in("${A}:${B_2}") == ["A", "B_2"]


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "\u00e4", "x" * 65])
def test_what_is_no_name_of_a_header_is_refused(name: str) -> None:
    (problem,) = header_problems(name)

    assert problem.startswith("is no name of a header")


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Webhook-Signature", "Transfer-Encoding", "Controller-Call"]
)
def test_headers_that_are_ours_cannot_be_set(name: str) -> None:
    assert header_problems(name) == ["is set by the controller; leave it out"]


@pytest.mark.parametrize("value", ["hush\r\nX: y", "hush\n", "hush\0", "hush\u00e4", "hush\x7f"])
def test_a_value_cannot_leave_its_header(value: str) -> None:
    assert header_problems("X-Key", value) == [
        "holds a character that no header may have; use printable ASCII"
    ]


@pytest.mark.parametrize("value", ["${", "${}", "${token}", "${A", "x ${A-B}"])
def test_a_place_without_a_name_is_refused(value: str) -> None:
    (problem,) = header_problems("X-Key", value)

    assert problem.startswith("holds ${ and no name; must be like ${CRM_TOKEN}")


@pytest.mark.parametrize("name", ["Authorization", "cookie", "Proxy-Authorization"])
def test_a_secret_that_is_written_down_is_refused_and_not_shown(name: str) -> None:
    (problem,) = header_problems(name, "Bearer hush")

    assert problem.startswith("a secret stands in the file")
    assert "hush" not in problem


@given(st.text(max_size=20), st.text(max_size=40))
def test_any_header_that_passes_is_one_line_of_ascii(name: str, value: str) -> None:
    if not header_problems(name, value):
        assert (name + value).isascii()
        assert (name + value).isprintable()
