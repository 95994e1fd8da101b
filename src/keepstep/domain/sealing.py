"""Sealing: authenticated encryption of tokens and of secrets at rest (AES-256-GCM).

A sealed text is bound to its purpose, so that none can be used in another's place. Its form:
version byte, key id (4 bytes), nonce (12 bytes), ciphertext, tag (16 bytes).
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .limits import MASTER_KEY_LENGTH_MIN, TOKEN_LENGTH_MAX

Entropy = Callable[[int], bytes]
"""Gives that many unpredictable bytes."""

KEY_BYTES: Final = 32
_VERSION: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = len(_VERSION) + _KEY_ID_BYTES + _NONCE_BYTES


class SealBroken(Exception):
    """A sealed text is damaged, forged, or was sealed with another key or for another purpose."""


class SealingKey(msgspec.Struct, frozen=True):
    """A 32-byte key; its id is the start of its digest."""

    key: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys apart."""
        return hashlib.sha256(b"keepstep key id" + self.key).digest()[:_KEY_ID_BYTES]


class Sealer:
    """Seals with its first key and opens with any of them."""

    def __init__(self, keys: Iterable[SealingKey], entropy: Entropy) -> None:
        """Take at least one key."""
        ciphers = {key.key_id: AESGCM(key.key) for key in keys}
        self._ciphers = ciphers
        key_id, self._cipher = next(iter(ciphers.items()))
        self._prefix = _VERSION + key_id
        self._entropy = entropy

    def seal(self, purpose: bytes, plaintext: bytes) -> bytes:
        """Encrypt and authenticate a text for one purpose."""
        nonce = self._entropy(_NONCE_BYTES)
        return self._prefix + nonce + self._cipher.encrypt(nonce, plaintext, purpose)

    def open(self, purpose: bytes, sealed: bytes) -> bytes:
        """Give back what was sealed for the purpose. Raises SealBroken."""
        cipher = self._ciphers.get(sealed[1 : 1 + _KEY_ID_BYTES])
        if sealed[:1] != _VERSION or cipher is None:
            raise SealBroken
        nonce = sealed[1 + _KEY_ID_BYTES : _HEAD_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[_HEAD_BYTES:], purpose)
        except (InvalidTag, ValueError):
            raise SealBroken from None

    def seal_text(self, purpose: bytes, plaintext: bytes) -> str:
        """Seal into a token of URL-safe characters."""
        return base64.urlsafe_b64encode(self.seal(purpose, plaintext)).decode("ascii")

    def open_text(self, purpose: bytes, token: str) -> bytes:
        """Open a token of ``seal_text``. Raises SealBroken."""
        if len(token) > TOKEN_LENGTH_MAX:
            raise SealBroken
        try:
            sealed = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise SealBroken from None
        return self.open(purpose, sealed)


def master_key(secret: str) -> SealingKey:
    """Stretch the operator's master key (HKDF-SHA256). Raises ValueError if it is too short."""
    if len(secret) < MASTER_KEY_LENGTH_MIN:
        raise ValueError(f"a master key has at least {MASTER_KEY_LENGTH_MIN} characters")
    derivation = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"keepstep master key")
    return SealingKey(derivation.derive(secret.encode()))


def purpose(*parts: str) -> bytes:
    """Join the parts of a purpose; no part can hold the separator's place of another."""
    return "".join([f"{len(part)}:{part}" for part in parts]).encode()
