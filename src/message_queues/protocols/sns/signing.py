"""Signatures of SNS, and the certificate that proves them.

AWS signs with the key of a certificate that it serves at the message's SigningCertURL. This server makes a key and a certificate of its
own, once; whoever verifies takes the certificate from the URL, as with AWS, whose host he has to accept.
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    pass

SHA1_WITH_RSA: Final = "1"
SHA256_WITH_RSA: Final = "2"
KEY_BITS: Final = 2048
VALID_FOR: Final = timedelta(days=3650)
_CLOCK_SKEW: Final = timedelta(days=1)


class KeyPair(NamedTuple):
    certificate: bytes
    """PEM."""
    private_key: bytes
    """PEM, PKCS #8, not encrypted."""

    @property
    def file_name(self) -> str:
        return f"SimpleNotificationService-{sha256(self.certificate).hexdigest()[:32]}.pem"


def make_key_pair(now: datetime) -> KeyPair:
    """A new one with a self-signed certificate of sns.amazonaws.com. Takes a tenth of a second."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("sns.amazonaws.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), private)


class Signer:
    def __init__(self, key_pair: KeyPair) -> None:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = load_pem_private_key(key_pair.private_key, None)
        assert isinstance(key, RSAPrivateKey)
        self._key: RSAPrivateKey = key

    def sign(self, text: bytes, version: str) -> str:
        """Base64 of the signature."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        algorithm = hashes.SHA256() if version == SHA256_WITH_RSA else hashes.SHA1()
        return base64.b64encode(self._key.sign(text, padding.PKCS1v15(), algorithm)).decode()
