"""Values of the domain as parameters of statements, and rows as values of the domain."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.datasets import Dataset, DatasetPlace, Record
from keepstep.domain.identities import Identity, Login
from keepstep.domain.outbox import partition_of
from keepstep.domain.pools import IdentityPool, PoolSettings
from keepstep.domain.revocations import guest_subject, identity_subject

from .arrays import Blobs, Numbers

Values = dict[str, Any]

LENGTH_BYTES: Final = 8

_OF_IDENTITIES: Final = (identity_subject(""), guest_subject(""))

_SETTINGS = msgspec.json.Decoder(PoolSettings)


def digest_of(*texts: str) -> bytes:
    """Give what stands for texts in an index; each text's length keeps two from looking alike."""
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(LENGTH_BYTES, "big"))
        digest.update(encoded)
    return digest.digest()


def key_digest(key: str) -> bytes:
    """Give what stands for a record's key, or a device's token, in an index."""
    return hashlib.sha256(key.encode()).digest()


def encoded(text: str | None) -> bytes | None:
    """Give a text as it is stored: PostgreSQL's own text refuses NUL."""
    return None if text is None else text.encode()


def decoded(stored: bytes | None) -> str | None:
    """Give a stored text."""
    return None if stored is None else stored.decode()


def place_values(place: DatasetPlace) -> Values:
    """Give the key of a dataset."""
    return {
        "identity_id": place.identity_id,
        "identity_pool_id": place.identity_pool_id,
        "dataset_name": place.dataset_name,
    }


def dataset_values(dataset: Dataset) -> Values:
    """Give what is stored of a dataset, without its key."""
    return {
        "sync_count": dataset.sync_count,
        "deleted_sync_count": dataset.deleted_sync_count,
        "creation_date": dataset.creation_date,
        "last_modified_date": dataset.last_modified_date,
        "last_modified_by": encoded(dataset.last_modified_by),
        "data_storage": dataset.data_storage,
        "num_records": dataset.num_records,
    }


def dataset_of(row: Any) -> Dataset:
    """Make a dataset of its columns, in the order of its members."""
    name, count, deleted_count, created, modified, author, size, records = row
    return Dataset(name, count, deleted_count, created, modified, decoded(author), size, records)


def records_values(records: Iterable[Record]) -> Values:
    """Give records as one array for each column."""
    rows = list(records)
    return {
        "key_digests": Blobs([key_digest(record.key) for record in rows]),
        "keys": Blobs([record.key.encode() for record in rows]),
        "values": Blobs([encoded(record.value) for record in rows]),
        "sync_counts": Numbers([record.sync_count for record in rows]),
        "dates": Numbers([record.last_modified_date for record in rows]),
        "authors": Blobs([encoded(record.last_modified_by) for record in rows]),
        "device_dates": Numbers([record.device_last_modified_date for record in rows]),
    }


def messages_values(change: DatasetChange) -> Values:
    """Give the messages of a change, which are of its dataset, as one array for each column."""
    notice = change.for_subscribers
    sent = change.outbox if notice is None else (*change.outbox, notice)
    assert all(message.place == change.place for message in sent)
    messages = {(each.channel.value, each.sync_count): each for each in sent}
    rows = sorted(messages)
    return {
        "partition": partition_of(change.place.identity_id),
        "subscribed_channel": None if notice is None else notice.channel.value,
        "lane_channels": sorted({channel for channel, _ in rows}),
        "message_channels": [channel for channel, _ in rows],
        "message_counts": [sync_count for _, sync_count in rows],
        "message_dates": [messages[row].creation_date for row in rows],
        "message_bodies": [messages[row].body for row in rows],
    }


def pool_values(pool: IdentityPool) -> Values:
    """Give what is stored of a pool."""
    return {
        "identity_pool_id": pool.identity_pool_id,
        "name": pool.name.encode(),
        "creation_date": pool.creation_date,
        "last_modified_date": pool.last_modified_date,
        "sync_sessions_count": pool.sync_sessions_count,
        "settings": msgspec.json.encode(pool.settings),
        "version": pool.version,
    }


def pool_of(row: Any) -> IdentityPool:
    """Make a pool of its row."""
    return IdentityPool(
        row[0],
        row[1].decode(),
        *row[2:5],
        settings=_SETTINGS.decode(row[5]),
        version=row[6],
    )


def identity_values(identity: Identity) -> Values:
    """Give what is stored of an identity."""
    return {
        "identity_id": identity.identity_id,
        "identity_pool_id": identity.identity_pool_id,
        "creation_date": identity.creation_date,
        "last_modified_date": identity.last_modified_date,
        "was_authenticated": identity.was_authenticated,
        "merged_into": identity.merged_into,
        "version": identity.version,
        "provider_names": [login.provider_name.encode() for login in identity.logins],
        "subjects": [login.subject.encode() for login in identity.logins],
    }


def identity_of(row: Any) -> Identity:
    """Make an identity of its row."""
    return Identity(
        identity_id=row[0],
        identity_pool_id=row[1],
        creation_date=row[2],
        last_modified_date=row[3],
        logins=tuple(
            Login(provider_name.decode(), subject.decode())
            for provider_name, subject in zip(row[7], row[8], strict=True)
        ),
        was_authenticated=row[4],
        merged_into=row[5],
        version=row[6],
    )


def login_digest(login: Login) -> bytes:
    """Give what stands for a login in an index."""
    return digest_of(login.provider_name, login.subject)


def login_values(login: Login) -> Values:
    """Give what is stored of a login by itself."""
    return {
        "login_digest": login_digest(login),
        "provider_name": login.provider_name.encode(),
        "subject": login.subject.encode(),
    }


def revocation_key(subject: str) -> Values:
    """Give the key of a subject's revocation: one of an identity is kept with that identity."""
    for prefix in _OF_IDENTITIES:
        identity_id = subject.removeprefix(prefix)
        if identity_id != subject:
            break
    else:
        identity_id = digest_of(subject).hex()
    return {"identity_id": identity_id, "subject_digest": digest_of(subject)}
