"""Words of engines, as they were seen, and what they become."""

from __future__ import annotations

import pytest

from workbench.containers.ending import end_code, end_failure
from workbench.containers.failures import container_failure, pull_failure
from workbench.schemas.containers import ContainerRecord, LogLine


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        (
            'Head "https://nvcr.io/v2/x/manifests/1": unauthorized: authentication required',
            500,
            "pull_unauthorised",
        ),
        ('Get "http://127.0.0.1:5000/v2/x/manifests/1": no basic auth credentials', 500, "pull_unauthorised"),
        ("denied: requested access to the resource is denied", 404, "pull_unauthorised"),
        ("manifest for x:1 not found: manifest unknown: manifest unknown", 404, "pull_not_found"),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            404,
            "pull_wrong_architecture",
        ),
        ("failed to register layer: write /x: no space left on device", 0, "pull_no_space"),
        ("filesystem layer verification failed for digest sha256:aa", 0, "pull_corrupt"),
        # three digits of a checksum, or a port, are no HTTP status
        ("filesystem layer verification failed for digest sha256:ba401c", 0, "pull_corrupt"),
        (
            'Get "http://127.0.0.1:401/v2/": dial tcp 127.0.0.1:401: connection refused',
            500,
            "pull_unreachable",
        ),
        ("received unexpected HTTP status: 401", 500, "pull_unauthorised"),
        (
            "commit failed: unexpected commit digest sha256:40, expected sha256:c0: failed precondition",
            0,
            "pull_corrupt",
        ),
        ('Get "https://nvcr.io/v2/": dial tcp: lookup nvcr.io: no such host', 500, "pull_unreachable"),
        ("net/http: TLS handshake timeout", 0, "pull_unreachable"),
        ("toomanyrequests: You have reached your pull rate limit", 429, "pull_rate_limited"),
        ("something new", 401, "pull_unauthorised"),
        ("something new", 500, "pull_failed"),
    ],
)
def test_a_failed_pull_says_why(said: str, status: int, code: str) -> None:
    error = pull_failure("nvcr.io/nim/x:1", said, status=status)
    assert error.code == code
    assert error.params["detail"] == said


@pytest.mark.parametrize(
    ("said", "code", "params"),
    [
        ('could not select device driver "" with capabilities: [[gpu]]', "gpu_toolkit_missing", {}),
        ("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=9", "gpu_cdi_unknown", {}),
        (
            "nvidia-container-cli: initialization error: nvml error: driver not loaded",
            "gpu_driver_failed",
            {},
        ),
        (
            "Bind for 127.0.0.1:18009 failed: port is already allocated",
            "container_port_taken",
            {"port": "18009"},
        ),
        (
            "listen tcp4 127.0.0.1:8000: bind: address already in use",
            "container_port_taken",
            {"port": "8000"},
        ),
        (
            'invalid mount config for type "bind": bind source path does not exist: /m',
            "mount_source_missing",
            {"path": "/m"},
        ),
        ("No such image: ollama/ollama:9", "image_absent", {"image": "ollama/ollama:9"}),
        (
            'Conflict. The container name "/ftw-a" is already in use by container "1"',
            "container_name_taken",
            {},
        ),
        ("error setting rlimit type 8: operation not permitted: unknown", "ulimit_refused", {}),
        ('exec: "x": executable file not found in $PATH: unknown', "container_command_missing", {}),
        (
            "standard_init_linux.go: exec user process caused: exec format error",
            "container_wrong_architecture",
            {},
        ),
        ("mkdir /var/lib/docker/x: no space left on device", "engine_disk_full", {}),
        ("something new", "engine_refused", {}),
    ],
)
def test_a_refused_container_says_why(said: str, code: str, params: dict[str, str]) -> None:
    error = container_failure("ftw-a", said, status=500)
    assert error.code == code
    assert params.items() <= error.params.items()


@pytest.mark.parametrize(
    ("changes", "code", "failure"),
    [
        ({"state": "running"}, "running", "container_ended"),
        ({"state": "created"}, "never_started", "container_ended"),
        ({"state": "created", "error": "no gpu"}, "start_failed", "container_ended"),
        ({"exit_code": 137, "oom_killed": True, "stopped_by_us": True}, "oom", "container_out_of_memory"),
        ({"exit_code": 137, "stopped_by_us": True}, "stopped", "container_was_stopped"),
        ({"exit_code": 143, "stopped_by_us": True}, "stopped", "container_was_stopped"),
        ({"exit_code": 137}, "killed", "container_killed"),
        ({"exit_code": 139}, "signal", "container_ended"),
        ({"exit_code": 0}, "finished", "container_ended"),
        ({"exit_code": 127}, "failed", "container_command_failed"),
        ({"exit_code": 1}, "failed", "container_ended"),
    ],
)
def test_an_end_is_explained(changes: dict[str, object], code: str, failure: str) -> None:
    record = ContainerRecord(id="1", name="ftw-a", image="x", state="exited").model_copy(update=changes)
    assert end_code(record) == code
    assert end_failure(record, [LogLine(text="last words")]).code == failure
