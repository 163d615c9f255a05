"""What a TLS connection tells of itself: for management, and for the mechanism EXTERNAL."""

import ssl
import time
from typing import Any

SHORT_NAMES = {
    "commonName": "CN",
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "domainComponent": "DC",
    "serialNumber": "SERIALNUMBER",
    "emailAddress": "EMAILADDRESS",
    "userId": "UID",
}
TO_BE_ESCAPED = frozenset(',+"\\<>;')

COMMON_NAME = "common_name"
DISTINGUISHED_NAME = "distinguished_name"


def tls_facts(connection: ssl.SSLObject) -> dict[str, str]:
    """By the names of the management API."""
    name, protocol, _ = connection.cipher() or ("", "", 0)
    facts = {"ssl_protocol": protocol.lower(), "ssl_key_exchange": "any", "ssl_cipher": name, "ssl_hash": name.rsplit("_", 1)[-1].lower()}
    certificate: dict[str, Any] | None = connection.getpeercert()
    if certificate:
        facts["peer_cert_subject"] = distinguished_name(certificate["subject"])
        facts["peer_cert_issuer"] = distinguished_name(certificate["issuer"])
        facts["peer_cert_validity"] = f"{rfc3339(certificate['notBefore'])} - {rfc3339(certificate['notAfter'])}"
    return facts


def login_name(connection: ssl.SSLObject, login_from: str) -> str | None:
    """Who the client is by its certificate; None: it has shown none, or one without such a name."""
    certificate: dict[str, Any] | None = connection.getpeercert()
    if not certificate:
        return None
    if login_from == DISTINGUISHED_NAME:
        return distinguished_name(certificate["subject"])
    names = [value for part in certificate["subject"] for key, value in part if key == "commonName"]
    return ",".join(names) or None


def distinguished_name(subject: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """RFC 4514 2.1: "starting with the last element of the sequence and moving backwards toward the first"."""
    return ",".join("+".join(f"{SHORT_NAMES.get(key, key)}={escaped(value)}" for key, value in part) for part in reversed(subject))


def escaped(value: str) -> str:
    return "".join(f"\\{each}" if each in TO_BE_ESCAPED else each for each in value)


def rfc3339(date: str) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ssl.cert_time_to_seconds(date)))
