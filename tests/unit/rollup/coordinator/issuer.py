"""An issuer of service accounts' tokens, with real keys, that publishes them over HTTP as an API server does."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import jwt
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

AUDIENCE = "rollup-7"
SUBJECT = "system:serviceaccount:gpu:pool-h100"
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
RSA: Private = rsa.generate_private_key(65537, 2048)
EC: Private = ec.generate_private_key(ec.SECP256R1())
OTHER: Private = ec.generate_private_key(ec.SECP256R1())


def algorithm(key: Private) -> str:
    return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"


def published(key_id: str, key: Private) -> dict[str, Any]:
    """The public half, as a JSON Web Key."""
    kind: Any = jwt.get_algorithm_by_name(algorithm(key))
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": key_id, "use": "sig", "alg": algorithm(key)}


@dataclass
class Issuer:
    """`keys` are those that it publishes; it signs with any."""

    keys: dict[str, Private] = field(default_factory=lambda: {"one": RSA, "two": EC})
    url: str = ""
    answer: bytes | None = None
    status: int = 200
    asked: list[str | None] = field(default_factory=list)

    def document(self) -> bytes:
        return json.dumps({"keys": [published(key_id, key) for key_id, key in self.keys.items()]}).encode()

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers.get("Authorization"))
        return web.Response(status=self.status, body=self.document() if self.answer is None else self.answer)

    def claims(self, pod: str | None = "prover-0", **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        bound: dict[str, Any] = {"namespace": "gpu", "serviceaccount": {"name": "pool-h100", "uid": "2"}}
        if pod is not None:
            bound["pod"] = {"name": pod, "uid": "1"}
        told = {"iss": self.url, "aud": [AUDIENCE], "sub": SUBJECT, "iat": now, "nbf": now, "exp": now + 600}
        return {name: value for name, value in (told | {"kubernetes.io": bound} | changed).items() if value is not None}

    def token(
        self, key_id: str = "two", key: Private | None = None, pod: str | None = "prover-0", **changed: Any
    ) -> str:
        key = self.keys[key_id] if key is None else key
        return jwt.encode(self.claims(pod, **changed), key, algorithm(key), {"kid": key_id})


def certified(folder: Path) -> ssl.SSLContext:
    """For 127.0.0.1, by an authority that lies in the folder's ca.pem."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an API server")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(EC.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(EC, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = EC.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


@asynccontextmanager
async def issuing(certificates: ssl.SSLContext | None = None) -> AsyncIterator[Issuer]:
    issuer = Issuer()
    application = web.Application()
    application.router.add_get("/openid/v1/jwks", issuer.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificates).start()
    issuer.url = f"http{'s' if certificates else ''}://127.0.0.1:{runner.addresses[0][1]}"
    yield issuer
    await runner.cleanup()
