"""The service model of Cognito Sync as botocore publishes it: the oracle of these tests.

Both the model's shapes and the project's own can be described in one plain form, so that a
comparison shows every difference by its member.
"""

from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from msgspec import inspect

from keepstep.wire.members import INTEGER_MAX, LONG_MAX, published_pattern
from keepstep.wire.operations import Operation

MODEL: Final = ServiceModel(
    Loader().load_service_model("cognito-sync", "service-2"), service_name="cognito-sync"
)
NARROWED: Final = {"MaxResults": (1, LONG_MAX), "LastSyncCount": (0, LONG_MAX)}
"""Whole numbers of requests that other documents narrow (or, for 19 digits, widen)."""
NARROWED_IN_PATCH: Final = {"SyncCount": (0, LONG_MAX)}

_WHOLE: Final = {"integer": INTEGER_MAX, "long": LONG_MAX}


def operation_model(operation: Operation[Any, Any]) -> OperationModel:
    """Give the published model of an operation."""
    return MODEL.operation_model(operation.name)


def published_members(shape: Shape | None) -> dict[str, Shape]:
    """Give the members of a published structure; none of a shape that is not there."""
    return dict(shape.members) if isinstance(shape, StructureShape) else {}


def describe_published(shape: Shape) -> Any:
    """Describe a published shape: its type, and its constraints or members."""
    described: Any = shape.type_name
    if isinstance(shape, StructureShape):
        described = {name: describe_published(member) for name, member in shape.members.items()}
    elif isinstance(shape, ListShape):
        described = [describe_published(shape.member)]
    elif isinstance(shape, MapShape):
        entry = (describe_published(shape.key), describe_published(shape.value))
        described = "map", *entry, shape.metadata.get("max")
    elif shape.type_name in _WHOLE:
        most = _WHOLE[shape.type_name]
        described = "whole", -most - 1, most
    elif shape.type_name == "string" and "enum" in shape.metadata:
        described = "enum", frozenset(shape.metadata["enum"])
    elif shape.type_name == "string":
        described = "string", *(shape.metadata.get(name) for name in ("min", "max", "pattern"))
    return described


def describe_held(kind: inspect.Type) -> Any:
    """Describe a shape of the project in the same form."""
    described: Any
    match without_none(kind):
        case inspect.StructType(fields=fields):
            described = {field.encode_name: describe_held(field.type) for field in fields}
        case inspect.ListType(item_type=item):
            described = [describe_held(item)]
        case inspect.DictType(key_type=key, value_type=value, max_length=most):
            described = "map", describe_held(key), describe_held(value), most
        case inspect.IntType(ge=least, le=most):
            described = "whole", least, most
        case inspect.LiteralType(values=values):
            described = "enum", frozenset(values)
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            described = "string", least, most, published_pattern(pattern) if pattern else None
        case inspect.FloatType():
            described = "timestamp"
        case inspect.BoolType():
            described = "boolean"
        case other:
            raise AssertionError(f"a shape holds a {other}")
    return described


def without_none(kind: inspect.Type) -> inspect.Type:
    """Give the type of a member that may be absent."""
    if not isinstance(kind, inspect.UnionType):
        return kind
    (present,) = (choice for choice in kind.types if not isinstance(choice, inspect.NoneType))
    return present


def struct_fields(shape: type[Any]) -> dict[str, inspect.Field]:
    """Give the members of one of the project's structures by their names on the wire."""
    described = inspect.type_info(shape)
    assert isinstance(described, inspect.StructType)
    return {field.encode_name: field for field in described.fields}
