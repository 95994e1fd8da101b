"""Every error that travels: its code, its HTTP status and the text for the caller.

    ServiceError
    ├── the modelled exceptions of Cognito Sync (botocore's service model, and the API Reference
    │   for LambdaSocketTimeoutException)
    ├── the modelled exceptions that Cognito Identity has besides
    ├── failed authentication and authorisation (the common AWS errors)
    ├── requests that reach no operation
    └── StsError: the modelled exceptions of the Security Token Service, which travel in XML only

A status is that of Cognito Sync, or of the one service that has the error; ``json_1_1`` and
``query`` say what becomes of it where they answer.

An error may be raised on any floor; it becomes an answer in one place, ``server/handle.py``.
"""

from typing import ClassVar, Final


class ServiceError(Exception):
    """An error with a code and an HTTP status that the caller gets to see, text and all.

    The code is the name of the class, unless the class is declared with another.
    """

    code: ClassVar[str] = "InternalErrorException"
    status: ClassVar[int] = 500

    def __init_subclass__(cls, *, code: str | None = None) -> None:
        cls.code = code or cls.__name__

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


class DeveloperUserAlreadyRegisteredException(ServiceError):
    """The developer's name for a user already belongs to another identity."""

    status = 400


class ExternalServiceException(ServiceError):
    """A login provider could not be asked, or did not answer as it should."""

    status = 400


class InvalidIdentityPoolConfigurationException(ServiceError):
    """The pool has no role for the caller, or the role's trust policy refuses it."""

    status = 400


class ValidationException(ServiceError):
    """A request to Cognito Identity or STS breaks the constraints of its shape."""

    status = 400


class SerializationException(ServiceError):
    """The body of a request to Cognito Identity or STS cannot be read."""

    status = 400


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


class StsError(ServiceError):
    """An error that only the Security Token Service has."""


class InvalidIdentityTokenException(StsError, code="InvalidIdentityToken"):
    """The login token cannot be read, or is not from whom and for whom it should be."""

    status = 400


class IdentityTokenExpiredException(StsError, code="ExpiredTokenException"):
    """The login token has ended. Ended credentials are an ExpiredTokenException."""

    status = 400


class IDPRejectedClaimException(StsError, code="IDPRejectedClaim"):
    """The login provider says that the token does not hold, or holds no longer."""

    status = 403


class IDPCommunicationErrorException(StsError, code="IDPCommunicationError"):
    """The login provider could not be reached; SDKs try again."""

    status = 400


class MalformedPolicyDocumentException(StsError, code="MalformedPolicyDocument"):
    """The session policy is not a policy."""

    status = 400


class PackedPolicyTooLargeException(StsError, code="PackedPolicyTooLarge"):
    """The session policies together are longer than a session can hold."""

    status = 400


class RegionDisabledException(StsError):
    """The Security Token Service is not active in the region."""

    status = 403


JSON_ERRORS: Final = {
    error.code: error for error in ServiceError.__subclasses__() if error is not StsError
}
"""What a code stands for in the JSON protocols."""
