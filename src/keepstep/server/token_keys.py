"""The keys that sign OpenID tokens: made at first use, replaced in time, kept sealed."""

import asyncio
from itertools import pairwise

from keepstep.domain.limits import REVOCATION_MS, TOKEN_KEY_MS
from keepstep.domain.openid_tokens import TokenSigningKey, load_signing_key, new_private_key
from keepstep.domain.sealing import Sealer, purpose
from keepstep.interfaces.identity_storage import TokenKey
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import Store


class TokenKeyRing:
    """Gives the keys in the store, opened. Every process of a store has the same ones."""

    def __init__(self, store: Store, master: Sealer, region: str, clock: Clock) -> None:
        """``region`` begins the keys' ids."""
        self._store = store
        self._master = master
        self._region = region
        self._clock = clock
        self._opened: dict[int, TokenSigningKey] = {}
        self._making = asyncio.Lock()

    async def current(self) -> TokenSigningKey:
        """Give the key to sign with, a new one if there is none young enough."""
        keys = await self._store.list_token_keys()
        if not self._is_young(keys):
            async with self._making:
                keys = await self._store.list_token_keys()
                if not self._is_young(keys):
                    keys = await self._make(keys)
        return self._open(keys[0])

    async def published(self) -> list[TokenSigningKey]:
        """Give every key whose tokens may be alive, newest first."""
        return [self._open(key) for key in await self._store.list_token_keys()]

    def _is_young(self, keys: list[TokenKey]) -> bool:
        return bool(keys) and self._clock() - keys[0].creation_date < TOKEN_KEY_MS

    async def _make(self, keys: list[TokenKey]) -> list[TokenKey]:
        """Make the next key, and forget those whose last token has ended."""
        now = self._clock()
        number = keys[0].number + 1 if keys else 1
        private = await asyncio.to_thread(new_private_key)
        sealed = self._master.seal(_purpose(number), private)
        # If another process was faster, its key is as good.
        await self._store.create_token_key(TokenKey(number, sealed, now))
        for successor, key in pairwise(keys):
            if now - successor.creation_date > REVOCATION_MS:
                await self._store.delete_token_key(key.number)
        return await self._store.list_token_keys()

    def _open(self, key: TokenKey) -> TokenSigningKey:
        opened = self._opened.get(key.number)
        if opened is None:
            private = self._master.open(_purpose(key.number), key.sealed)
            opened = self._opened[key.number] = load_signing_key(self._region, key.number, private)
        return opened


def _purpose(number: int) -> bytes:
    return purpose("token key", str(number))
