"""aiohttp's own TLS contexts trust what they always trusted, though they read it later."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONNECT = """
import asyncio, ssl, sys
before = dict(vars(ssl.SSLContext))
from workbench.inference.http_import import aiohttp
assert dict(vars(ssl.SSLContext)) == before
from aiohttp import connector
context = connector._SSL_CONTEXT_VERIFIED
assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
assert not context.get_ca_certs()

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    await writer.drain()
    writer.close()

async def ask():
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(sys.argv[1], sys.argv[2])
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"https://localhost:{port}/") as response:
                print(await response.text())
        except aiohttp.ClientConnectorCertificateError:
            print("not trusted")
    server.close()

asyncio.run(ask())
assert context.get_ca_certs() == ssl.create_default_context().get_ca_certs() != []
"""


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = [
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-out",
        str(certificate),
        "-keyout",
        str(key),
    ]
    subprocess.run(["openssl", "req", *made, *subject], check=True, capture_output=True)
    return certificate, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
@pytest.mark.parametrize(("served", "said"), [("known", "ok"), ("strange", "not trusted")])
def test_a_connection_reads_the_certificates_first(
    tmp_path: Path, repo_root: Path, served: str, said: str
) -> None:
    made = {name: make_certificate(tmp_path, name) for name in ("known", "strange")}
    ran = subprocess.run(
        [sys.executable, "-c", CONNECT, *map(str, made[served])],
        cwd=repo_root,
        env={**os.environ, "SSL_CERT_FILE": str(made["known"][0])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, said), ran.stderr
