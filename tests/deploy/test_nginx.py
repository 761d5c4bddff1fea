from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "deploy/nginx/controller.conf"
CERTIFICATES = "/etc/letsencrypt/live/calls.example.com"

needs_nginx = pytest.mark.skipif(
    shutil.which("nginx") is None or shutil.which("openssl") is None,
    reason="nginx or openssl is not installed",
)


def make_certificate(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=calls.example.com"]
    command += ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def wrap(folder: Path) -> Path:
    """Write the example and a main file round it that needs no privileges; return the latter."""
    text = re.sub(r"(listen (?:\[::\]:)?)(80|443)\b", r"\g<1>18\2", EXAMPLE.read_text())
    (folder / "example.conf").write_text(text.replace(CERTIFICATES, str(folder)))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    main = folder / "nginx.conf"
    main.write_text(
        f"pid {folder}/pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}include {folder}/example.conf;\n}}\n"
    )
    return main


@needs_nginx
def test_nginx_accepts_the_example(tmp_path: Path) -> None:
    make_certificate(tmp_path)

    command = ["nginx", "-t", "-q", "-e", "stderr", "-g", "error_log stderr;"]
    command += ["-c", str(wrap(tmp_path))]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert result.stderr == ""
    assert result.returncode == 0


def test_only_the_webhook_reaches_the_service() -> None:
    text = EXAMPLE.read_text()
    locations = re.findall(r"location (.+?) \{(.*?)\n    \}", text, flags=re.DOTALL)

    public = [path for path, body in locations if "proxy_pass" in body]

    assert public == ["= /openai/webhook"]
    assert text.count("proxy_pass") == 1
