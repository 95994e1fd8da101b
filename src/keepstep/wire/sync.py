"""The requests and responses of the 17 Cognito Sync operations, and the structures in them.

Member names travel in upper camel case. A response member that is None travels as null, as in
the captures of the real service, except where the service leaves an unconfigured part out.
"""

import msgspec

from .members import (
    ApplicationArn,
    AssumeRoleArn,
    BulkPublishStatus,
    DatasetName,
    DeviceId,
    Events,
    IdentityId,
    IdentityPoolId,
    Integer,
    Long,
    MaxResults,
    PatchOperation,
    Platform,
    RecordKey,
    RecordValue,
    StreamingStatus,
    StreamName,
    SyncCount,
    Timestamp,
)


class Shape(msgspec.Struct, rename="pascal"):
    """A structure of the service model."""


class Dataset(Shape):
    identity_id: IdentityId | None = None
    dataset_name: DatasetName | None = None
    creation_date: Timestamp | None = None
    last_modified_date: Timestamp | None = None
    last_modified_by: str | None = None
    data_storage: Long = 0
    num_records: Long = 0


class Record(Shape):
    """A record; without a value it is the tombstone of a removed one."""

    key: RecordKey | None = None
    value: RecordValue | None = None
    sync_count: Long | None = None
    last_modified_date: Timestamp | None = None
    last_modified_by: str | None = None
    device_last_modified_date: Timestamp | None = None


class RecordPatch(Shape, omit_defaults=True):
    op: PatchOperation
    key: RecordKey
    sync_count: SyncCount
    value: RecordValue | None = None
    device_last_modified_date: Timestamp | None = None


class IdentityUsage(Shape):
    identity_id: IdentityId | None = None
    identity_pool_id: IdentityPoolId | None = None
    last_modified_date: Timestamp | None = None
    dataset_count: Integer = 0
    data_storage: Long = 0


class IdentityPoolUsage(Shape):
    identity_pool_id: IdentityPoolId | None = None
    sync_sessions_count: Long | None = None
    data_storage: Long = 0
    last_modified_date: Timestamp | None = None


class PushSync(Shape, omit_defaults=True):
    application_arns: list[ApplicationArn] | None = None
    role_arn: AssumeRoleArn | None = None


class CognitoStreams(Shape, omit_defaults=True):
    stream_name: StreamName | None = None
    role_arn: AssumeRoleArn | None = None
    streaming_status: StreamingStatus | None = None


class ListDatasetsRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_id: IdentityId
    next_token: str | None = None
    max_results: MaxResults | None = None


class ListDatasetsResponse(Shape):
    datasets: list[Dataset]
    count: Integer
    next_token: str | None = None


class DescribeDatasetRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_id: IdentityId
    dataset_name: DatasetName


class DescribeDatasetResponse(Shape):
    dataset: Dataset


class DeleteDatasetRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_id: IdentityId
    dataset_name: DatasetName


class DeleteDatasetResponse(Shape):
    dataset: Dataset


class ListRecordsRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_id: IdentityId
    dataset_name: DatasetName
    last_sync_count: SyncCount | None = None
    next_token: str | None = None
    max_results: MaxResults | None = None
    sync_session_token: str | None = None


class ListRecordsResponse(Shape, kw_only=True):
    records: list[Record]
    next_token: str | None = None
    count: Integer
    dataset_sync_count: Long
    last_modified_by: str | None = None
    merged_dataset_names: list[str] | None = None
    dataset_exists: bool
    dataset_deleted_after_requested_sync_count: bool
    sync_session_token: str


class UpdateRecordsRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_id: IdentityId
    dataset_name: DatasetName
    sync_session_token: str
    device_id: DeviceId | None = None
    record_patches: list[RecordPatch] | None = None
    client_context: str | None = None


class UpdateRecordsResponse(Shape):
    records: list[Record]


class SubscribeToDatasetRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_id: IdentityId
    dataset_name: DatasetName
    device_id: DeviceId


class SubscribeToDatasetResponse(Shape):
    pass


class UnsubscribeFromDatasetRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_id: IdentityId
    dataset_name: DatasetName
    device_id: DeviceId


class UnsubscribeFromDatasetResponse(Shape):
    pass


class RegisterDeviceRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_id: IdentityId
    platform: Platform
    token: str


class RegisterDeviceResponse(Shape):
    device_id: DeviceId


class DescribeIdentityUsageRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_id: IdentityId


class DescribeIdentityUsageResponse(Shape):
    identity_usage: IdentityUsage


class DescribeIdentityPoolUsageRequest(Shape):
    identity_pool_id: IdentityPoolId


class DescribeIdentityPoolUsageResponse(Shape):
    identity_pool_usage: IdentityPoolUsage


class ListIdentityPoolUsageRequest(Shape):
    next_token: str | None = None
    max_results: MaxResults | None = None


class ListIdentityPoolUsageResponse(Shape):
    identity_pool_usages: list[IdentityPoolUsage]
    max_results: Integer
    count: Integer
    next_token: str | None = None


class GetIdentityPoolConfigurationRequest(Shape):
    identity_pool_id: IdentityPoolId


class GetIdentityPoolConfigurationResponse(Shape, omit_defaults=True):
    identity_pool_id: IdentityPoolId
    push_sync: PushSync | None = None
    cognito_streams: CognitoStreams | None = None


class SetIdentityPoolConfigurationRequest(Shape):
    identity_pool_id: IdentityPoolId
    push_sync: PushSync | None = None
    cognito_streams: CognitoStreams | None = None


class SetIdentityPoolConfigurationResponse(Shape, omit_defaults=True):
    identity_pool_id: IdentityPoolId
    push_sync: PushSync | None = None
    cognito_streams: CognitoStreams | None = None


class GetCognitoEventsRequest(Shape):
    identity_pool_id: IdentityPoolId


class GetCognitoEventsResponse(Shape):
    events: Events


class SetCognitoEventsRequest(Shape):
    identity_pool_id: IdentityPoolId
    events: Events


class BulkPublishRequest(Shape):
    identity_pool_id: IdentityPoolId


class BulkPublishResponse(Shape):
    identity_pool_id: IdentityPoolId


class GetBulkPublishDetailsRequest(Shape):
    identity_pool_id: IdentityPoolId


class GetBulkPublishDetailsResponse(Shape, kw_only=True):
    identity_pool_id: IdentityPoolId
    bulk_publish_start_time: Timestamp | None = None
    bulk_publish_complete_time: Timestamp | None = None
    bulk_publish_status: BulkPublishStatus
    failure_message: str | None = None
