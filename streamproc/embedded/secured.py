"""A broker's listeners with TLS, passwords and client certificates, where nobody may do what no ACL allows."""

from dataclasses import dataclass

PRINCIPAL_RULE = r"RULE:^CN=([^,]+).*$/$1/,DEFAULT"
"""A client certificate's common name is its principal's."""


@dataclass(frozen=True)
class Secured:
    """What the listeners SASL_SSL (SCRAM-SHA-512) and SSL (client certificates) need, all PEM without a password.

    The plain listener stays, for whoever gives rights: its ANONYMOUS may do everything. It is on loopback alone.
    """

    certificate: str
    """Of the broker, with those that it was signed by."""
    key: str
    """Of its certificate, as PKCS #8."""
    client_ca: str
    """Who may sign client certificates."""

    def properties(self, *, broker_port: int, controller_port: int, sasl_port: int, tls_port: int) -> str:
        """Those that differ from the plain broker's, and follow them in its file."""
        return f"""\
listeners=PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port},\
SASL_SSL://127.0.0.1:{sasl_port},SSL://127.0.0.1:{tls_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker_port},SASL_SSL://127.0.0.1:{sasl_port},SSL://127.0.0.1:{tls_port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.certificate.chain={_inline(self.certificate)}
ssl.keystore.key={_inline(self.key)}
ssl.truststore.type=PEM
ssl.truststore.certificates={_inline(self.client_ca)}
listener.name.ssl.ssl.client.auth=required
ssl.principal.mapping.rules={PRINCIPAL_RULE.replace(chr(92), chr(92) * 2)}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


def _inline(pem: str) -> str:
    """On one line, as Java's properties take it."""
    return pem.strip().replace("\n", "\\n")
