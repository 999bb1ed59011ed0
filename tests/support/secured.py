"""A broker with TLS, SCRAM and rights, for tests: its certificates, its users and their ACLs."""

import asyncio
import datetime as dt
import hashlib
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest_v1, DeleteAclsRequest, DescribeAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from streamproc.embedded import EmbeddedKafka, Secured, embedded_kafka
from streamproc.rights import Right

SCRAM_SHA_512: Final = 2
ROUNDS: Final = 4096
ALLOW: Final = 3
DAY: Final = dt.timedelta(days=1)
RESOURCES: Final = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5}
OPERATIONS: Final = {"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Describe": 8, "DescribeConfigs": 10}


class Authority:
    """A certificate authority, made for one test."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self._certificate = (
            self._builder(self._name, self._key, 10 * DAY)
            .add_extension(constraints, critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = _pem(self._certificate)

    def issue(self, name: str, *, hosts: Iterable[str] = (), ends: dt.timedelta = DAY) -> tuple[str, str]:
        """(certificate, key) as PEM for a common name and, for a server, its addresses. `ends`: from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(name), key, ends)
        if names := [_host(host) for host in hosts]:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return _pem(builder.sign(self._key, hashes.SHA256())), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, ends: dt.timedelta) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 10 * DAY)
            .not_valid_after(now + ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(authority, critical=False)
        )


@dataclass(frozen=True)
class SecuredKafka:
    """A running broker that allows nothing without an ACL, and how settings connect to it."""

    broker: EmbeddedKafka
    authority: Authority
    folder: Path
    admin: AIOKafkaAdminClient
    """Of one who may do everything."""

    async def user(self, name: str, rights: Iterable[Right] = ()) -> dict[str, Any]:
        """Make a user with these rights; the settings that connect as them."""
        salt, password = os.urandom(16), f"password of {name}"
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
        answer = await self._ask(_AlterScram([(name, SCRAM_SHA_512, ROUNDS, salt, salted, {})]))
        assert [result[1] for result in answer.results] == [0], answer
        await self.grant(name, *rights)
        return self.settings(name)

    def settings(self, name: str) -> dict[str, Any]:
        """Settings that connect with a user's password."""
        return {
            "kafka": self.broker.sasl_ssl,
            "kafka_security": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_username": name,
            "kafka_password": f"password of {name}",
            "kafka_ca": self.ca(),
        }

    def certified(self, name: str, authority: Authority | None = None, **more: Any) -> dict[str, Any]:
        """Settings that connect with a certificate. `more` is for `Authority.issue`."""
        certificate, key = (authority or self.authority).issue(name, **more)
        files = {"kafka_certificate": self.folder / f"{name}.pem", "kafka_key": self.folder / f"{name}.key"}
        files["kafka_certificate"].write_text(certificate)
        files["kafka_key"].write_text(key)
        named = {setting: str(file) for setting, file in files.items()}
        password: dict[str, Any] = {"kafka_username": None, "kafka_password": None}
        return {"kafka": self.broker.tls, "kafka_security": "SSL", "kafka_ca": self.ca(), **password, **named}

    def ca(self, authority: Authority | None = None) -> str:
        """The file of an authority's certificate; of the broker's unless told otherwise."""
        file = self.folder / ("ca.pem" if authority is None else "other-ca.pem")
        if authority is not None or not file.exists():  # else processes may be reading it
            file.write_text((authority or self.authority).pem)
        return str(file)

    async def grant(self, name: str, *rights: Right) -> None:
        """Allow a user something, from any host."""
        answer = await self._ask(_CreateAcls([(*_acl(name, right), ALLOW) for right in rights]))
        assert not any(code for code, _ in answer.creation_responses), answer
        if rights:
            await self._seen(name, rights[-1], there=True)

    async def revoke(self, name: str, right: Right) -> None:
        """Take that away again."""
        answer = await self._ask(DeleteAclsRequest(*_acl(name, right), ALLOW))
        assert [len(found) for _, _, found in answer.filter_responses] == [1], answer
        await self._seen(name, right, there=False)

    async def _seen(self, name: str, right: Right, *, there: bool) -> None:
        """Until the broker knows it; the controller did before."""
        while bool((await self._ask(DescribeAclsRequest(*_acl(name, right), ALLOW))).resources) != there:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def _ask(self, request: Request[Any]) -> Any:
        return await self.admin._client.send(self.admin._client.get_random_node(), request)


@asynccontextmanager
async def secured_kafka(folder: Path) -> AsyncIterator[SecuredKafka]:
    """A broker with certificates of its own, which are kept in `folder`."""
    authority = Authority("streamproc tests")
    certificate, key = authority.issue("broker", hosts=["127.0.0.1"])
    secured = Secured(certificate + authority.pem, key, authority.pem)
    async with embedded_kafka(progress=lambda _: None, secured=secured) as broker:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        try:
            yield SecuredKafka(broker, authority, folder, admin)
        finally:
            await admin.close()


def _acl(name: str, right: Right) -> tuple[int, str, int, str, str, int]:
    pattern = 4 if right.prefixed else 3
    return RESOURCES[right.resource], right.name, pattern, f"User:{name}", "*", OPERATIONS[right.operation]


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _usage(*, signs: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others: dict[str, bool] = dict.fromkeys((*names, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(key_cert_sign=signs, crl_sign=signs, **others)


class _CreateAcls(Request[CreateAclsRequest_v1]):  # type: ignore[misc]
    """Many at once."""

    API_KEY = 30

    def __init__(self, acls: list[tuple[Any, ...]]) -> None:
        self._acls = acls

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(self._acls)


class _AlterScramResponse(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScram_v0(RequestStruct):  # type: ignore[misc]  # noqa: N801 - as aiokafka names them
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _AlterScramResponse
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScram(Request[_AlterScram_v0]):  # type: ignore[misc]
    API_KEY = 51

    def __init__(self, users: list[tuple[Any, ...]]) -> None:
        self._users = users

    def build(self, request_struct_class: type[_AlterScram_v0]) -> _AlterScram_v0:
        return request_struct_class([], self._users, {})
