"""docker-compose.yml, as far as a parser can judge it: pinned, healthy, closed, and well formed."""

import os
import re
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

# Keys of the Compose Specification's schema that this file has a use for; `version` is obsolete.
TOP_KEYS = {"name", "services", "networks", "volumes"}
SERVICE_KEYS = {
    "build", "cap_drop", "command", "depends_on", "deploy", "entrypoint", "environment",
    "healthcheck", "image", "init", "networks", "ports", "restart", "security_opt", "volumes",
}  # fmt: skip
HEALTHCHECK_KEYS = {"test", "interval", "timeout", "retries", "start_period"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def is_one_shot(service: dict[str, Any]) -> bool:
    return service["restart"] == "no"


def test_the_stack_is_qdrant_ollama_its_model_and_the_app():
    assert set(SERVICES) == {"qdrant", "ollama", "model", "app"}
    assert set(COMPOSE) <= TOP_KEYS


@every_service
def test_a_service_has_only_keys_of_the_specification(service):
    assert set(service) <= SERVICE_KEYS
    assert set(service.get("healthcheck", {})) <= HEALTHCHECK_KEYS
    assert service["restart"] in {"no", "unless-stopped"}  # a bare `no` would be false in YAML


@every_service
def test_an_image_is_pinned_to_a_whole_version(service):
    _, _, tag = service["image"].partition(":")
    assert re.fullmatch(r"v?\d+\.\d+\.\d+(-unprivileged)?", tag)


def test_qdrant_and_ollama_are_not_below_their_safe_floors():
    def version(name: str) -> tuple[int, ...]:
        return tuple(map(int, re.findall(r"\d+", SERVICES[name]["image"])[:3]))

    assert version("qdrant") >= (1, 19, 2)
    assert version("ollama") >= (0, 17, 1)
    assert SERVICES["model"]["image"] == SERVICES["ollama"]["image"]


@every_service
def test_a_service_is_checked_for_health_or_ends_by_itself(service):
    assert is_one_shot(service) != ("healthcheck" in service)
    for name in ("interval", "timeout", "start_period"):
        assert re.fullmatch(r"\d+s", service.get("healthcheck", {name: "1s"})[name])


@every_service
def test_a_service_waits_for_what_it_needs(service):
    for name, how in service.get("depends_on", {}).items():
        needed = SERVICES[name]
        assert how["condition"] in CONDITIONS
        assert how["condition"] == (
            "service_completed_successfully" if is_one_shot(needed) else "service_healthy"
        )
        assert set(needed["networks"]) & set(service["networks"])


@every_service
def test_nothing_is_published_beyond_this_machine(service):
    for port in service.get("ports", []):
        assert str(port).startswith("127.0.0.1:")


@every_service
def test_no_service_can_gain_rights(service):
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "network_mode", "pid", "cap_add"} & set(service)
    # Ollama alone runs as root with Docker's usual capabilities, as its image is made.
    assert service.get("cap_drop") == ["ALL"] or service is SERVICES["ollama"]


@every_service
def test_what_is_written_lies_in_a_declared_volume_and_what_is_bound_is_read_only(service):
    for volume in service.get("volumes", []):
        if isinstance(volume, str):
            assert volume.partition(":")[0] in COMPOSE["volumes"]
        else:
            assert volume["read_only"] is True


@every_service
def test_networks_are_declared(service):
    assert set(service["networks"]) <= set(COMPOSE["networks"])


def test_qdrant_cannot_reach_out():
    assert SERVICES["qdrant"]["networks"] == ["vectors"]
    assert COMPOSE["networks"]["vectors"] == {"internal": True}


def test_without_an_api_key_nothing_starts():
    required = "${QDRANT_API_KEY:?set QDRANT_API_KEY}"
    assert SERVICES["qdrant"]["environment"]["QDRANT__SERVICE__API_KEY"] == required
    assert SERVICES["app"]["environment"]["SIGHTLINE_QDRANT_API_KEY"] == required


def test_every_other_variable_has_a_default():
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for variable in re.findall(r"(?<!\$)\$(?!\$)(\S+)", "\n".join(lines)):
        assert re.match(r"\{[A-Z_]+(:-[^}]+|:\?[^}]*)", variable), variable


def test_ollama_has_a_gpu_reserved():
    (device,) = SERVICES["ollama"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert device["capabilities"] == ["gpu"]


def test_the_model_that_is_pulled_is_the_one_the_app_asks():
    assert SERVICES["model"]["environment"]["MODEL"] == "${SIGHTLINE_MODEL:-llava}"
    assert SERVICES["app"]["environment"]["SIGHTLINE_MODEL"] == "${SIGHTLINE_MODEL:-llava}"


def test_the_app_is_set_by_settings_that_exist():
    from app.model.settings import Settings

    names = {f"SIGHTLINE_{name.upper()}" for name in Settings.model_fields}
    assert set(SERVICES["app"]["environment"]) <= names


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here, as there is in the image")
@pytest.mark.parametrize(("status", "healthy"), [("200 OK", True), ("503 Not Ready", False)])
def test_the_health_check_of_qdrant_reads_the_answer(status, healthy):
    command = [part.replace("$$", "$") for part in SERVICES["qdrant"]["healthcheck"]["test"]]
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                asked = b""
                while not asked.endswith(b"\r\n\r\n"):  # bash sends line by line
                    asked += connection.recv(1024)
                said = (
                    status if asked.startswith(b"GET /readyz HTTP/1.0\r\n") else "400 Bad Request"
                )
                connection.sendall(f"HTTP/1.0 {said}\r\n\r\n".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        script = command[-1].replace("6333", str(server.getsockname()[1]))
        done = subprocess.run(["bash", "-c", script], check=False, timeout=10)
        thread.join()
    assert done.returncode == (0 if healthy else 1)


@pytest.mark.skipif(shutil.which("sh") is None, reason="no sh here, as there is in the image")
@pytest.mark.parametrize(("there", "asked"), [(True, ["show"]), (False, ["show", "pull"])])
def test_a_model_is_pulled_only_where_it_is_missing(tmp_path, there, asked):
    stand_in = tmp_path / "ollama"
    stand_in.write_text(
        f'#!/bin/sh\necho "$1 $2" >> {tmp_path}/log\n[ "$1" = pull ] || exit {int(not there)}\n',
        encoding="utf-8",
    )
    stand_in.chmod(0o755)
    (script,) = (part.replace("$$", "$") for part in SERVICES["model"]["command"])
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "MODEL": "llava; x"}
    subprocess.run(["sh", "-c", script], check=True, env=environment, timeout=10)
    log = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert log == [f"{verb} llava; x" for verb in asked]


# ---- the image that the app is built from

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_rests_on_a_pinned_python_and_does_not_run_as_root():
    assert re.search(r"^FROM python:3\.12\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["sightline"]
    assert "ARG TORCH_INDEX=" in DOCKERFILE


def test_what_the_image_copies_is_all_that_docker_is_given():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    given = {line[1:] for line in ignored if line.startswith("!")}
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert given == {name for line in copied for name in line.split()}
    assert "*" in ignored
