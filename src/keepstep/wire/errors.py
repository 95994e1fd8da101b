"""Every error that travels: its code, its HTTP status and the text for the caller.

    ServiceError
    ├── the modelled exceptions of Cognito Sync (botocore's service model, and the API Reference
    │   for LambdaSocketTimeoutException)
    ├── failed authentication and authorisation (the common AWS errors)
    └── requests that reach no operation

An error may be raised on any floor; it becomes an answer in one place, ``server/handle.py``.
"""

from typing import ClassVar


class ServiceError(Exception):
    """An error with a code and an HTTP status that the caller gets to see, text and all."""

    code: ClassVar[str] = "InternalErrorException"
    status: ClassVar[int] = 500

    def __init_subclass__(cls) -> None:
        cls.code = cls.__name__

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AlreadyStreamedException(ServiceError):
    """BulkPublish less than 24 hours after a successful one."""

    status = 400


class ConcurrentModificationException(ServiceError):
    """Two parallel changes of one pool configuration."""

    status = 400


class DuplicateRequestException(ServiceError):
    """BulkPublish while another one runs."""

    status = 400


class InternalErrorException(ServiceError):
    """A fault of the server; it carries no detail."""

    status = 500


class InvalidConfigurationException(ServiceError):
    """Push is not configured for the pool or the platform."""

    status = 400


class InvalidLambdaFunctionOutputException(ServiceError):
    """The sync trigger failed or answered something that is not a change of the dataset."""

    status = 400


class InvalidParameterException(ServiceError):
    """A constraint violation, a bad token or an unknown sync count."""

    status = 400


class LambdaSocketTimeoutException(ServiceError):
    """The sync trigger took over 5 seconds."""

    status = 400


class LambdaThrottledException(ServiceError):
    """The sync trigger was throttled; the client should sync again."""

    status = 429


class LimitExceededException(ServiceError):
    """One of the quotas of the service is used up."""

    status = 400


class NotAuthorizedException(ServiceError):
    """The wrong class of caller, pool or identity."""

    status = 403


class ResourceConflictException(ServiceError):
    """A patch was made from an older state than the stored one."""

    status = 409


class ResourceNotFoundException(ServiceError):
    """The dataset, pool, device or subscription does not exist."""

    status = 404


class TooManyRequestsException(ServiceError):
    """The server has more to do than it can; try again later."""

    status = 429


class AccessDeniedException(ServiceError):
    """A policy denies the call."""

    status = 403


class MissingAuthenticationTokenException(ServiceError):
    """The request is not signed."""

    status = 403


class IncompleteSignatureException(ServiceError):
    """The Authorization header lacks a part."""

    status = 403


class UnrecognizedClientException(ServiceError):
    """The access key or session token is unknown."""

    status = 403


class ExpiredTokenException(ServiceError):
    """The temporary credentials have ended."""

    status = 403


class InvalidSignatureException(ServiceError):
    """The signature, its scope or its time is wrong."""

    status = 403


class UnknownOperationException(ServiceError):
    """No operation has this method and path."""

    status = 404


class BadRequest(ServiceError):
    """An id is missing in the request URI; the name as seen in aws-sdk-ios issue 2909."""

    status = 400


class RequestEntityTooLargeException(ServiceError):
    """The body is longer than the server takes."""

    status = 413


class RequestTimeoutException(ServiceError):
    """The body did not arrive in time."""

    status = 408
