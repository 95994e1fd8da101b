"""The service models as botocore publishes them: the oracle of these tests.

Both the model's shapes and the project's own can be described in one plain form, so that a
comparison shows every difference by its member.
"""

from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from msgspec import inspect

from keepstep.wire.members import INTEGER_MAX, LONG_MAX, published_pattern
from keepstep.wire.operations import Operation
from keepstep.wire.sensitive import is_sensitive


def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service_name=service)


MODEL: Final = _model("cognito-sync")
IDENTITY_MODEL: Final = _model("cognito-identity")
STS_MODEL: Final = _model("sts")
IDENTITY_FAULTS: Final = {
    name
    for name, shape in Loader()
    .load_service_model("cognito-identity", "service-2")["shapes"]
    .items()
    if shape.get("fault")
}
"""The errors that the model of Cognito Identity, which gives no statuses, marks as the server's."""
NARROWED: Final = {"MaxResults": (1, LONG_MAX), "LastSyncCount": (0, LONG_MAX)}
"""Whole numbers of requests that other documents narrow (or, for 19 digits, widen)."""
NARROWED_IN_PATCH: Final = {"SyncCount": (0, LONG_MAX)}

_WHOLE: Final = {"integer": INTEGER_MAX, "long": LONG_MAX}


def operation_model(operation: Operation[Any, Any]) -> OperationModel:
    """Give the published model of an operation."""
    (model,) = (
        model
        for model in (MODEL, IDENTITY_MODEL, STS_MODEL)
        if operation.name in model.operation_names
    )
    return model.operation_model(operation.name)


def published_members(shape: Shape | None) -> dict[str, Shape]:
    """Give the members of a published structure; none of a shape that is not there."""
    return dict(shape.members) if isinstance(shape, StructureShape) else {}


def describe_published(shape: Shape) -> Any:
    """Describe a published shape: its type, and its constraints or members."""
    described: Any = shape.type_name
    if isinstance(shape, StructureShape):
        described = {name: describe_published(member) for name, member in shape.members.items()}
    elif isinstance(shape, ListShape):
        described = "list", describe_published(shape.member), *_length(shape)
    elif isinstance(shape, MapShape):
        entry = (describe_published(shape.key), describe_published(shape.value))
        described = "map", *entry, *_length(shape)
    elif shape.type_name in _WHOLE:
        most = _WHOLE[shape.type_name]
        described = (
            "whole",
            shape.metadata.get("min", -most - 1),
            shape.metadata.get("max", most),
        )
    elif shape.type_name == "string" and "enum" in shape.metadata:
        described = "enum", frozenset(shape.metadata["enum"])
    elif shape.type_name == "string":
        described = "string", *_length(shape), shape.metadata.get("pattern")
    return described


def _length(shape: Shape) -> tuple[int | None, int | None]:
    return shape.metadata.get("min"), shape.metadata.get("max")


def describe_held(kind: inspect.Type) -> Any:
    """Describe a shape of the project in the same form."""
    described: Any
    match bare(kind):
        case inspect.StructType(fields=fields):
            described = {field.encode_name: describe_held(field.type) for field in fields}
        case inspect.ListType(item_type=item, min_length=least, max_length=most):
            described = "list", describe_held(item), least, most
        case inspect.DictType(key_type=key, value_type=value, min_length=least, max_length=most):
            described = "map", describe_held(key), describe_held(value), least, most
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


def bare(kind: inspect.Type) -> inspect.Type:
    """Give the type of a member that may be absent or sensitive."""
    if isinstance(kind, inspect.Metadata):
        return kind.type
    return bare(_present(kind)) if isinstance(kind, inspect.UnionType) else kind


def _present(kind: inspect.UnionType) -> inspect.Type:
    (present,) = (choice for choice in kind.types if not isinstance(choice, inspect.NoneType))
    return present


def struct_fields(shape: type[Any]) -> dict[str, inspect.Field]:
    """Give the members of one of the project's structures by their names on the wire."""
    described = inspect.type_info(shape)
    assert isinstance(described, inspect.StructType)
    return {field.encode_name: field for field in described.fields}


def published_required(shape: Shape | None, path: str = "") -> set[str]:
    """Name the required members of a published shape and of all the structures in it."""
    if isinstance(shape, ListShape):
        return published_required(shape.member, path)
    if isinstance(shape, MapShape):
        return published_required(shape.value, path)
    if not isinstance(shape, StructureShape):
        return set()
    inner = (published_required(held, f"{path}{n}.") for n, held in shape.members.items())
    return {path + name for name in shape.required_members}.union(*inner)


def held_required(kind: inspect.Type, path: str = "") -> set[str]:
    """Name the required members of a shape of the project in the same form."""
    match bare(kind):
        case inspect.ListType(item_type=item):
            return held_required(item, path)
        case inspect.DictType(value_type=value):
            return held_required(value, path)
        case inspect.StructType(fields=fields):
            inner = (held_required(f.type, f"{path}{f.encode_name}.") for f in fields)
            return {path + f.encode_name for f in fields if f.required}.union(*inner)
        case _:
            return set()


def published_sensitive(shape: Shape | None, path: str = "") -> set[str]:
    """Name the members of a published shape that are marked as sensitive, wherever they are."""
    if isinstance(shape, ListShape):
        return published_sensitive(shape.member, path)
    if isinstance(shape, MapShape):
        return published_sensitive(shape.value, path)
    if isinstance(shape, StructureShape):
        members = shape.members.items()
        return {n for name, held in members for n in published_sensitive(held, f"{path}.{name}")}
    return {path} if shape is not None and shape.metadata.get("sensitive") else set()


def held_sensitive(kind: inspect.Type, path: str = "") -> set[str]:
    """Name the members of a shape of the project that are marked, in the same form."""
    match kind:
        case inspect.UnionType():
            return held_sensitive(_present(kind), path)
        case inspect.ListType(item_type=item):
            return held_sensitive(item, path)
        case inspect.DictType(value_type=value):
            return held_sensitive(value, path)
        case inspect.StructType(fields=fields):
            return {n for f in fields for n in held_sensitive(f.type, f"{path}.{f.encode_name}")}
        case _:
            return {path} if is_sensitive(kind) else set()
