from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.clients.control import RELOAD_LIMIT
from controller.config.sections import Server
from controller.reloading import BUILD_LIMIT
from controller.settings import _SECRETS

UNIT = Path(__file__).parents[2] / "deploy/systemd/controller.service"
PROGRAM = "/opt/controller/bin/controller"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def values(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), flags=re.MULTILINE)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@needs_systemd
def test_the_sandbox_leaves_an_exposure_of_at_most_one_and_a_half() -> None:
    result = analyze("security", "--offline=true", "--no-pager", str(UNIT))

    exposure = re.search(r"Overall exposure level for controller\.service: ([\d.]+)", result.stdout)
    assert exposure is not None, result.stderr
    assert float(exposure[1]) <= 1.5


@needs_systemd
def test_systemd_finds_no_mistake_in_the_unit(tmp_path: Path) -> None:
    # The program stands in /opt only after the installation, and `verify` looks for it.
    installed = tmp_path / UNIT.name
    installed.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))

    result = analyze("verify", str(installed))

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_unit_starts_the_service_with_the_installed_configuration() -> None:
    assert values("ExecStart") == [f"{PROGRAM} run --config /etc/controller/controller.toml"]


def test_the_service_manager_waits_longer_than_the_default_drain() -> None:
    (stop,) = values("TimeoutStopSec")

    assert int(stop) > Server().drain_timeout


def test_the_credentials_carry_the_names_that_the_settings_read() -> None:
    names = {credential.partition(":")[0] for credential in values("LoadCredential")}

    assert names == {variable.lower() for variable in _SECRETS}


def test_the_event_loop_has_time_for_several_beats_and_a_hang_leaves_a_dump() -> None:
    assert values("Type") == ["notify"]
    assert values("WatchdogSec") == ["20"]
    assert values("WatchdogSignal") == ["SIGABRT"]
    assert "PYTHONFAULTHANDLER=1" in values("Environment")


def test_a_wrong_configuration_does_not_start_again_and_a_crash_always_does() -> None:
    assert values("RestartPreventExitStatus") == ["2"]
    assert values("Restart") == ["on-failure"]
    assert values("StartLimitIntervalSec") == ["0"]


def test_a_reload_waits_for_its_result_within_the_managers_time() -> None:
    config = "--config /etc/controller/controller.toml"
    assert values("ExecReload") == [f"{PROGRAM} reload {config}"]
    (start,) = values("TimeoutStartSec")  # systemd.service(5): it bounds ExecReload as well
    assert int(start) > RELOAD_LIMIT > 2 * BUILD_LIMIT
