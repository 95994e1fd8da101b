"""Every limit of the service, by name, with its unit and its source.

Those that AWS lets customers raise, or that an operator must fit to a machine, are members of
``Limits`` and so are settings; the rest are constants.
"""

from typing import Final

import msgspec

KIB: Final = 1024
MIB: Final = 1024 * KIB
SECOND_MS: Final = 1000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

PAGE_DATASETS_MAX: Final = 1000
"""Datasets in one page, asked for or not; a larger maxResults is capped (no published value)."""
PAGE_POOLS_MAX: Final = 1000
"""Identity pools in one page of ListIdentityPoolUsage (1,000 is accepted by the service)."""
DATASET_NAME_LENGTH_MAX: Final = 128
"""Characters of a dataset name (service model)."""
LOGINS_PER_IDENTITY_MAX: Final = 20
"""Logins linked to one identity (service model, MergeDeveloperIdentities)."""
PAGE_IDENTITIES_MAX: Final = 60
"""Identities, pools or user identifiers in one page (service model)."""
POOL_TAGS_MAX: Final = 50
"""Tags of one identity pool (service model, TagResource)."""
USER_POOL_PROVIDERS_MAX: Final = 50
"""Clients of user pools that one identity pool accepts (developer guide, "Limits")."""
MAPPING_RULES_MAX: Final = 25
"""Rules that map one provider's users to roles (service model, SetIdentityPoolRoles)."""
CREDENTIALS_MS: Final = HOUR_MS
"""Life of credentials from GetCredentialsForIdentity (developer guide)."""
CREDENTIALS_MS_MAX: Final = 12 * HOUR_MS
"""Longest life of any temporary credentials (service model of STS)."""
OPENID_TOKEN_MS: Final = 10 * MINUTE_MS
"""Life of a token from GetOpenIdToken (service model)."""
DEVELOPER_TOKEN_MS: Final = 15 * MINUTE_MS
"""Life of a developer's token without a TokenDuration (service model)."""
TOKEN_KEY_MS: Final = 30 * DAY_MS
"""Age at which a new key signs OpenID tokens; no published value."""
SYNC_SESSION_MS: Final = HOUR_MS
"""Life of a SyncSessionToken: as long as the credentials of an identity (no published value)."""
CLOCK_SKEW_MS: Final = 5 * MINUTE_MS
"""How far a signature's time may be from the server's, either way (texts of the real service)."""
STS_CLOCK_SKEW_MS: Final = 15 * MINUTE_MS
"""The same for STS (texts of the real service)."""
PRESIGNED_SECONDS_MAX: Final = 604_800
"""Longest life of a signature in a query (common to AWS)."""
STALE_RETRIES_MAX: Final = 100
"""Times an operation reads again because another writer was first, before it gives up."""
TOKEN_LENGTH_MAX: Final = 16 * KIB
"""Characters of a page or session token that are looked at."""
GROUP_CHANGES_MAX: Final = 64
"""Changes that one commit of the embedded store may hold."""
WAITING_CHANGES_MAX: Final = 4096
"""Changes that may wait for the embedded store's writer before callers are told to slow down."""
SIGNING_KEYS_CACHED_MAX: Final = 10_000
"""Derived signing keys held in memory."""
REGION_LENGTH_MAX: Final = 64
"""Characters of a region that a signature names; the longest real ones have some fifteen."""
DATE_LENGTH_MAX: Final = 64
"""Characters of a request's date; the longest form of one, with a zone, has some forty."""
SESSIONS_CACHED_MAX: Final = 10_000
"""Opened session tokens held in memory."""
DECISIONS_CACHED_MAX: Final = 10_000
"""Answers of role policies held in memory."""
REVOCATION_MS: Final = 25 * HOUR_MS
"""How long a revocation is kept: longer than any token or credentials last."""
CACHE_AGE_MS: Final = 2 * SECOND_MS
"""Age at which an access key or identity pool held in memory is read again from the store."""
STATISTICS_FLUSH_MS: Final = SECOND_MS
"""How often statistics counted in memory are added to the store."""
CONSUMED_SESSIONS_PURGE_MS: Final = MINUTE_MS
"""How often consumed sync sessions that have expired are removed from the store."""
PURGE_ROWS_MAX: Final = 1000
"""Rows removed by one purging change, so that it never holds up writers for long."""
MASTER_KEY_LENGTH_MIN: Final = 32
"""Characters of a master key."""
INTEGRITY_CHECK_BYTES_MAX: Final = 64 * MIB
"""Size up to which a store is checked page by page at start; ``keepstep check`` does any size."""
STORE_BUSY_MS: Final = 5 * SECOND_MS
"""How long a writer of the embedded store waits for one in another process."""
WORKER_PAUSE_SECONDS_MAX: Final = 30
"""The longest pause before a worker process that keeps ending is started again."""
WORKER_STEADY_SECONDS: Final = 60
"""How long a worker process stays up, so that its end counts as the first one again."""
OUTBOX_PARTITIONS: Final = 16
"""Parts of the outbox; as many processes can deliver at a time. Part of the stored schema."""
OUTBOX_MESSAGES_MAX: Final = 500
"""Messages that are read from the outbox at a time: one batch of Kinesis."""
OUTBOX_BYTES_MAX: Final = 8 * MIB
"""Bytes of their bodies at which it is fewer, so that a backlog of large ones fits in memory."""
STREAM_SENDERS_MAX: Final = 100
"""Senders of streams that are kept open while they are not in use."""
AWS_CLIENTS_MAX: Final = 100
"""Clients of AWS that are kept open while they are not in use."""
OUTBOX_POLL_MS: Final = SECOND_MS // 2
"""How often the outbox is looked at when nothing says that there is something in it."""
OUTBOX_GATHER_MS: Final = 100
"""How long messages come together after those before have left: larger batches cost less."""
OUTBOX_MEASURE_MS: Final = 10 * SECOND_MS
"""How often the outbox is counted for the metrics."""
OUTBOX_LEASE_MS: Final = 15 * SECOND_MS
"""How long a process that has died keeps others from delivering its part of the outbox."""
OUTBOX_PAUSE_MS: Final = SECOND_MS
"""The pause before the second attempt; each one after is twice as long, up to the next limit."""
OUTBOX_PAUSE_MS_MAX: Final = 15 * MINUTE_MS
"""The longest pause between two attempts."""
OUTBOX_ATTEMPTS_MAX: Final = 100
"""Attempts before a message is set aside: about a day."""
PUSHES_AT_ONCE_MAX: Final = 64
"""Notifications that are on their way at the same time."""
LIVE_HEARTBEAT_SECONDS: Final = 15
"""How long a stream of live changes is silent; proxies close connections after about a minute."""
LIVE_POLL_MS: Final = SECOND_MS // 2
"""How often changes of other processes are looked for."""
LIVE_PLACES_READ_MAX: Final = 500
"""Datasets whose sync counts one read asks for."""
LIVE_READERS_MAX: Final = 16
"""Streams that read the store at the same time: a change that thousands watch floods nobody."""
DEVICES_PER_IDENTITY_MAX: Final = 1024
"""Devices an identity may register; no published value."""
TRIGGER_SECONDS: Final = 5
"""How long a sync trigger may take (developer guide, "Cognito Events"; not adjustable)."""
TRIGGER_CALLS_MAX: Final = 10
"""Times one update asks its sync trigger because another writer was first, before it gives up."""
TRIGGER_ANSWER_BYTES_MAX: Final = 6 * MIB
"""Bytes that a sync trigger may answer (Lambda's limit for a synchronous call)."""
DEVICE_TOKEN_LENGTH_MAX: Final = 4096
"""Characters of a device's token; the longest real ones, ADM's, stay well below."""


RATE_BURST_SECONDS: Final = 4
"""Seconds of its rate that an address may use up at once."""
RATE_ADDRESSES_MAX: Final = 100_000
"""Addresses whose calls are counted in memory."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits an operator may change; the defaults are the published quotas of AWS.

    Source of the first three: Amazon Cognito Developer Guide, "Limits" (all adjustable).
    """

    datasets_per_identity: int = 20
    records_per_dataset: int = 1024
    dataset_bytes: int = MIB
    request_body_bytes: int = 8 * MIB
    """A full dataset, JSON-escaped, is several MiB."""
    request_header_bytes: int = 32 * KIB
    """The request line and all headers together."""
    request_seconds: int = 30
    """From a request's first byte to its last."""
    idle_seconds: int = 65
    """How long a kept-alive connection may be silent; longer than usual load balancers' 60."""
    live_streams: int = 10_000
    """Streams of live changes that one process holds open."""
    live_streams_per_identity: int = 20
    bulk_publish_pause_seconds: int = 86_400
    """How long after a successful bulk publish none may begin (service model); 0 is not at all."""
