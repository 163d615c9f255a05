import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from message_queues.protocols.sns.signing import SHA1_WITH_RSA, SHA256_WITH_RSA, KeyPair, Signer, make_key_pair

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def key_pair() -> KeyPair:
    return make_key_pair(NOW)


def public_key(key_pair: KeyPair) -> RSAPublicKey:
    key = x509.load_pem_x509_certificate(key_pair.certificate).public_key()
    assert isinstance(key, RSAPublicKey)
    return key


@pytest.mark.parametrize(("version", "algorithm"), [(SHA1_WITH_RSA, hashes.SHA1()), (SHA256_WITH_RSA, hashes.SHA256())])
def test_the_certificate_proves_what_was_signed(key_pair: KeyPair, version: str, algorithm: hashes.HashAlgorithm) -> None:
    signature = base64.b64decode(Signer(key_pair).sign(b"Message\nx\n", version))
    key = public_key(key_pair)
    key.verify(signature, b"Message\nx\n", padding.PKCS1v15(), algorithm)
    with pytest.raises(InvalidSignature):
        key.verify(signature, b"Message\ny\n", padding.PKCS1v15(), algorithm)


def test_the_certificate_is_valid_for_ten_years_and_signed_by_itself(key_pair: KeyPair) -> None:
    certificate = x509.load_pem_x509_certificate(key_pair.certificate)
    certificate.verify_directly_issued_by(certificate)
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc
    assert certificate.not_valid_after_utc - NOW > timedelta(days=3600)


def test_its_file_is_named_as_aws_names_it(key_pair: KeyPair) -> None:
    assert key_pair.file_name.startswith("SimpleNotificationService-")
    assert key_pair.file_name.endswith(".pem")
    assert key_pair.file_name != make_key_pair(NOW).file_name
