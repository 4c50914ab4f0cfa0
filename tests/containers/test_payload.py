from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from pydantic import ValidationError

from workbench.containers.labels import MANAGED, OWNER, SECRETS
from workbench.containers.payload import build_payload, device_requests
from workbench.containers.run_command import render_arguments, render_text
from workbench.errors import StateError
from workbench.schemas.containers import (
    ContainerSpec,
    EngineInfo,
    GpuRequest,
    Hardening,
    HealthCheck,
    Mount,
    Ulimit,
)

KEY = "nvapi-canary-0123456789"
SPEC = ContainerSpec(
    image="nvcr.io/nim/nvidia/llm-nim:1.15.4",
    name="ftw-before",
    command=("serve", "--flag=a b"),
    env={"NIM_MODEL_NAME": "/model dir", "HF_TOKEN": "hf_secret_value"},
    secret_env=("NGC_API_KEY",),
    mounts=(
        Mount(source="/data/a,b", target="/model"),
        Mount(source="/cache", target="/opt/nim/.cache", read_only=False),
    ),
    ports={8000: 0, 9000: 19000},
    shm_bytes=16 * 2**30,
    mem_bytes=100 * 2**20,
    ulimits=(Ulimit(name="memlock", soft=-1, hard=-1), Ulimit(name="nofile", soft=1, hard=2)),
    user="1000:1000",
    gpus=GpuRequest(kind="all"),
    ipc="host",
    hardening=Hardening(cap_drop=("ALL",)),
)


def test_the_payload_says_what_the_spec_says() -> None:
    payload = build_payload(SPEC, {"NGC_API_KEY": KEY}, EngineInfo(gpu="toolkit"), "me")
    host = payload["HostConfig"]
    assert f"NGC_API_KEY={KEY}" in payload["Env"]
    assert payload["Labels"] == {MANAGED: "true", OWNER: "me", SECRETS: "NGC_API_KEY"}
    assert payload["Cmd"] == ["serve", "--flag=a b"]
    assert host["PortBindings"] == {
        "8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
        "9000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "19000"}],
    }
    assert [mount["ReadOnly"] for mount in host["Mounts"]] == [True, False]
    assert host["ShmSize"] == 16 * 2**30
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["DeviceRequests"] == [{"Driver": "", "Capabilities": [["gpu"]], "Count": -1}]


def test_a_label_of_the_spec_cannot_take_the_place_of_ours() -> None:
    spec = ContainerSpec(image="ollama/ollama:1", labels={OWNER: "somebody", "role": "judge"})
    assert build_payload(spec, {}, EngineInfo(), "me")["Labels"] == {
        MANAGED: "true",
        OWNER: "me",
        "role": "judge",
    }


def test_a_secret_that_is_not_there_is_said() -> None:
    with pytest.raises(StateError) as caught:
        build_payload(SPEC, {}, EngineInfo(), "me")
    assert caught.value.code == "secret_missing"


@pytest.mark.parametrize(
    ("gpus", "support", "expected"),
    [
        (GpuRequest(), "toolkit", []),
        (GpuRequest(kind="all"), "cdi", [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}]),
        (
            GpuRequest(kind="count", count=2),
            "cdi",
            [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]}],
        ),
        (
            GpuRequest(kind="ids", ids=("1",), driver="nvidia"),
            "cdi",
            [{"Driver": "", "Capabilities": [["gpu"]], "DeviceIDs": ["1"]}],
        ),
        (
            GpuRequest(kind="ids", ids=("nvidia.com/gpu=GPU-1",), driver="cdi"),
            "toolkit",
            [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=GPU-1"]}],
        ),
        (GpuRequest(kind="all"), "none", [{"Driver": "", "Capabilities": [["gpu"]], "Count": -1}]),
    ],
)
def test_gpus_are_asked_for_in_the_way_the_engine_knows(
    gpus: GpuRequest, support: str, expected: object
) -> None:
    assert device_requests(gpus, support) == expected  # type: ignore[arg-type]


def test_the_command_line_says_what_the_spec_says() -> None:
    assert render_arguments(SPEC) == [
        *("docker", "run", "--detach", "--name", "ftw-before", "--shm-size=16g"),
        *(
            "--memory=100m",
            "--memory-swap=100m",
            "--ulimit",
            "memlock=-1",
            "--ulimit",
            "nofile=1:2",
            "--ipc=host",
        ),
        *("--gpus", "all", "-e", "NIM_MODEL_NAME=/model dir", "-e", "HF_TOKEN=***", "-e", "NGC_API_KEY"),
        *("--mount", 'type=bind,"source=/data/a,b",target=/model,readonly'),
        *("--mount", "type=bind,source=/cache,target=/opt/nim/.cache", "-u", "1000:1000"),
        *("-p", "127.0.0.1::8000", "-p", "127.0.0.1:19000:9000", "--cap-drop=ALL"),
        *("--security-opt", "no-new-privileges:true", "--init", "--stop-timeout=30"),
        *("nvcr.io/nim/nvidia/llm-nim:1.15.4", "serve", "--flag=a b"),
    ]


def test_the_text_for_a_shell_holds_the_same_arguments_and_no_secret() -> None:
    text = render_text(SPEC)
    assert shlex.split(text.replace("\\\n", " ")) == render_arguments(SPEC)
    assert KEY not in text
    assert "hf_secret_value" not in text


def test_the_entry_point_health_check_and_strict_hardening_are_shown() -> None:
    spec = ContainerSpec(
        image="ghcr.io/ggml-org/llama.cpp:server",
        entrypoint=("/app/llama-server", "--x"),
        command=("-m", "/m.gguf"),
        gpus=GpuRequest(kind="ids", ids=("0", "1")),
        healthcheck=HealthCheck(test=("CMD", "curl", "-f", "http://localhost:8080/health")),
        hardening=Hardening.strict(),
        network="none",
    )
    shown = render_arguments(spec, gpu="toolkit")
    assert shown[-6:] == ["--entrypoint", "/app/llama-server", spec.image, "--x", "-m", "/m.gguf"]
    assert '"device=0,1"' in shown
    assert shown[shown.index("--health-cmd") + 1] == "curl -f http://localhost:8080/health"
    assert {"--read-only", "--cap-drop=ALL", "--network=none"} <= set(shown)
    assert "/tmp:size=256m" in shown
    cdi = render_arguments(spec, gpu="cdi")
    assert [cdi[i + 1] for i, part in enumerate(cdi) if part == "--device"] == [
        "nvidia.com/gpu=0",
        "nvidia.com/gpu=1",
    ]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"mounts": [{"source": "/var/run/docker.sock", "target": "/s"}]}, "mount_engine_socket"),
        ({"mounts": [{"source": "/run/podman/podman.sock", "target": "/s"}]}, "mount_engine_socket"),
        ({"mounts": [{"source": "models", "target": "/m"}]}, "path_not_absolute"),
        ({"network": "host"}, "host_network_refused"),
        ({"network": "container:other"}, "network_bad"),
        ({"ports": {0: 1}}, "port_bad"),
        ({"env": {"A=B": "x"}}, "variable_name_bad"),
        ({"hardening": {"cap_add": ["SYS_ADMIN"]}}, "capability_refused"),
        ({"gpus": {"kind": "count"}}, "gpu_count_missing"),
        ({"privileged": True}, "privileged"),
        ({"image": "a b"}, "image_reference_bad"),
    ],
)
def test_what_would_hand_over_the_machine_is_refused(values: dict[str, object], code: str) -> None:
    with pytest.raises(ValidationError, match=code):
        ContainerSpec.model_validate({"image": "ollama/ollama:1", **values})


def test_a_link_to_the_engines_socket_is_refused_as_well(tmp_path: Path) -> None:
    link = tmp_path / "innocent"
    link.symlink_to("/var/run/docker.sock")
    spec = ContainerSpec(image="ollama/ollama:1", mounts=(Mount(source=str(link), target="/s"),))
    with pytest.raises(Exception, match="mount_engine_socket"):
        build_payload(spec, {}, EngineInfo(socket="unix:///var/run/docker.sock"), "me")
    for folder in ("/", "/var/run", "/run"):
        spec = ContainerSpec(image="ollama/ollama:1", mounts=(Mount(source=folder, target="/s"),))
        with pytest.raises(Exception, match="mount_engine_socket"):
            build_payload(spec, {}, EngineInfo(socket="unix:///var/run/docker.sock"), "me")
