"""The AWS query protocol of the Security Token Service, server side: form in, XML out.

XML is written here and never read.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import msgspec
from msgspec import inspect

from . import errors
from .operations import Operation, Request, Response
from .sts import STS_OPERATIONS
from .validation import ECHO_MAX, typed

CONTENT_TYPE: Final = "text/xml"
NAMESPACE: Final = "https://sts.amazonaws.com/doc/2011-06-15/"
VERSION: Final = "2011-06-15"
PARAMETERS_MAX: Final = 1000
"""Parameters that one form may have; the longest valid one has some dozens."""

_NAMES: Final = frozenset(operation.name for operation in STS_OPERATIONS)
_POSITION: Final = re.compile(r"[1-9][0-9]{0,5}")
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CODES: Final[dict[type[errors.ServiceError], tuple[str, int]]] = {
    errors.AccessDeniedException: ("AccessDenied", 403),
    errors.NotAuthorizedException: ("AccessDenied", 403),
    errors.ValidationException: ("ValidationError", 400),
    errors.InvalidParameterException: ("InvalidParameterValue", 400),
    errors.SerializationException: ("MalformedInput", 400),
    errors.UnknownOperationException: ("InvalidAction", 400),
    errors.MissingAuthenticationTokenException: ("MissingAuthenticationToken", 403),
    errors.IncompleteSignatureException: ("IncompleteSignature", 400),
    errors.UnrecognizedClientException: ("InvalidClientTokenId", 403),
    errors.ExpiredTokenException: ("ExpiredToken", 403),
    errors.InvalidSignatureException: ("SignatureDoesNotMatch", 403),
    errors.TooManyRequestsException: ("Throttling", 400),
    errors.InternalErrorException: ("InternalFailure", 500),
}


def parse_form(form: bytes) -> dict[str, str]:
    """Read a form-encoded body, or a raw query, into its parameters.

    Raises SerializationException if it is not UTF-8, has a parameter twice or has too many.
    """
    try:
        pairs = parse_qsl(
            form.decode(), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX
        )
    except UnicodeDecodeError:
        raise errors.SerializationException("The parameters are not UTF-8.") from None
    except ValueError:
        text = f"The request has more than {PARAMETERS_MAX} parameters."
        raise errors.SerializationException(text) from None
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters:
            text = f"The parameter {name[:ECHO_MAX]} is given more than once; give it once."
            raise errors.SerializationException(text)
        parameters[name] = value
    return parameters


def action(parameters: Mapping[str, str]) -> str:
    """Give the name of the operation that is asked for, one of ``STS_OPERATIONS``.

    Raises UnknownOperationException, in the words of the query services (aws-cli issue 37).
    """
    name = parameters.get("Action", "")
    version = parameters.get("Version", "NO_VERSION_SPECIFIED")
    if not name:
        raise errors.UnknownOperationException("The request has no Action.")
    if name not in _NAMES or version != VERSION:
        text = f"Could not find operation {name[:ECHO_MAX]} for version {version[:ECHO_MAX]}"
        raise errors.UnknownOperationException(text)
    return name


def decode_request(
    operation: Operation[Request, Response], parameters: Mapping[str, str]
) -> Request:
    """Turn parameters into the typed request of an operation; unknown ones are ignored.

    Raises ValidationException, naming every violated constraint.
    """
    values = _structure(inspect.type_info(operation.request), parameters, "")
    return typed(operation.request, values, errors.ValidationException)


def encode_response(
    operation: Operation[Request, Response], response: Response, request_id: str
) -> bytes:
    """Give the XML of a successful answer."""
    result = _element(f"{operation.name}Result", msgspec.to_builtins(response))
    metadata = _element("ResponseMetadata", {"RequestId": request_id})
    name = f"{operation.name}Response"
    return f'<{name} xmlns="{NAMESPACE}">{result}{metadata}</{name}>'.encode()


def encode_error(error: errors.ServiceError, request_id: str) -> bytes:
    """Give the XML of an error answer."""
    code, status = code_and_status(error)
    fault = "Sender" if status < 500 else "Receiver"
    described = _element("Error", {"Type": fault, "Code": code, "Message": error.message})
    body = f"{described}{_element('RequestId', request_id)}"
    return f'<ErrorResponse xmlns="{NAMESPACE}">{body}</ErrorResponse>'.encode()


def code_and_status(error: errors.ServiceError) -> tuple[str, int]:
    """Give the code and the HTTP status that an error has in the Security Token Service.

    Its own errors have theirs already; others lose the ``Exception`` at the end of the code.
    """
    if isinstance(error, errors.StsError):
        return error.code, error.status
    return _CODES.get(type(error), (error.code.removesuffix("Exception"), error.status))


def _structure(kind: inspect.Type, parameters: Mapping[str, str], prefix: str) -> dict[str, Any]:
    assert isinstance(kind, inspect.StructType)
    values = {
        field.encode_name: _value(field.type, parameters, prefix + field.encode_name)
        for field in kind.fields
    }
    return {name: value for name, value in values.items() if value is not None}


def _value(kind: inspect.Type, parameters: Mapping[str, str], name: str) -> Any:
    match kind:
        case inspect.UnionType(types=choices):
            (kind,) = (choice for choice in choices if not isinstance(choice, inspect.NoneType))
            return _value(kind, parameters, name)
        case inspect.ListType(item_type=item):
            items = [_value(item, parameters, entry) for entry in _entries(parameters, name)]
            return items or ([] if parameters.get(name) == "" else parameters.get(name))
        case inspect.StructType():
            return parameters.get(name, _structure(kind, parameters, f"{name}."))
        case _:
            return parameters.get(name)


def _entries(parameters: Mapping[str, str], name: str) -> Iterator[str]:
    """Name the members of a list, in order: ``PolicyArns.member.1`` and so on."""
    start = f"{name}.member."
    positions = {
        key.removeprefix(start).partition(".")[0] for key in parameters if key.startswith(start)
    }
    for position in sorted(int(text) for text in positions if _POSITION.fullmatch(text)):
        yield f"{start}{position}"


def _element(name: str, value: object) -> str:
    match value:
        case dict():
            members = cast("dict[str, object]", value).items()
            content = "".join(_element(member, held) for member, held in members)
        case float():
            content = datetime.fromtimestamp(int(value), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            content = escape(_NOT_XML.sub("\ufffd", str(value)), {"\r": "&#13;"})
    return f"<{name}>{content}</{name}>"
