"""Certificates for servers of tests: an authority of their own, and a leaf for loopback names."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

CERTIFIED_NAMES: Final = ("localhost", "openid.test")
"""The host names in the certificate of a server, beside 127.0.0.1."""
VALID: Final = timedelta(days=2)


def make_certificates(folder: Path) -> tuple[str, ssl.SSLContext]:
    """Make an authority and a server certificate; give the authority's file and a context."""
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of tests")])
    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CERTIFIED_NAMES[0])])
    ca_file, chain_file = folder / "ca.pem", folder / "server.pem"
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    ca = (
        _certificate(authority, authority, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(authority_id, critical=False)
        .sign(authority_key, SHA256())
    )
    names = [x509.DNSName(name) for name in CERTIFIED_NAMES]
    alternatives = [*names, x509.IPAddress(ip_address("127.0.0.1"))]
    leaf = (
        _certificate(server, authority, server_key)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id),
            critical=False,
        )
        .sign(authority_key, SHA256())
    )
    ca_file.write_bytes(ca.public_bytes(Encoding.PEM))
    chain_file.write_bytes(
        server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + leaf.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain_file)
    return str(ca_file), context


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - VALID)
        .not_valid_after(now + VALID)
    )
