"""Value: what a topic's record says, as a msgspec Struct: frozen in truth, and made, decoded and encoded fast.

A value is a dataclass to those who know only these: `dataclasses.replace` copies it, orjson writes it, and pydantic
derives its JSON Schema from it and reads it.

Rule 1: what we wrote ourselves msgspec reads; what it doesn't take (a field that a later version has added, a number in
quotes) is left to pydantic, so that nothing is read otherwise than pydantic reads it.
Rule 2: the bytes are those that orjson writes, since hashes are over them. Numbers alone differ: orjson writes 1e16 as
`1e+16`, and takes no integer beyond 64 bits. So a value that may hold any number at all is left to orjson.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, make_dataclass
from typing import Any, ClassVar, Final, TypeVar

from msgspec import NODEFAULT, DecodeError, Struct, StructMeta, structs
from msgspec.json import Decoder, Encoder
from pydantic import GetCoreSchemaHandler, TypeAdapter
from pydantic_core import core_schema

Read = TypeVar("Read")

_NUMBERS: Final = frozenset({int, float, list, tuple, dict})
"""Types of numbers, and of what may hold some."""


class _ValueMeta(StructMeta):
    """Gives each value class a dataclass of the same name and fields, which stands for it before pydantic."""

    def __init__(cls, *named: Any, **options: Any) -> None:  # noqa: N805 - a metaclass has classes
        super().__init__(*named, **options)
        value: Any = cls
        fields = [(each.name, each.type, _dataclass_field(each)) for each in structs.fields(value)]
        dataclass: Any = make_dataclass(cls.__name__, fields, namespace={"__doc__": cls.__doc__}, init=False, eq=False)
        value.as_dataclass, value.__dataclass_fields__ = dataclass, dataclass.__dataclass_fields__


def _dataclass_field(each: structs.FieldInfo) -> Any:
    if each.default is not NODEFAULT:
        return field(default=each.default)
    return field(default_factory=MISSING if each.default_factory is NODEFAULT else each.default_factory)


class Value(Struct, frozen=True, forbid_unknown_fields=True, metaclass=_ValueMeta):
    """Base of all values."""

    as_dataclass: ClassVar[Any]
    """What stands for the class before pydantic."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """That of the dataclass, made into this."""
        return core_schema.no_info_after_validator_function(
            lambda checked: cls(**vars(checked)), handler.generate_schema(cls.as_dataclass)
        )


def decoder(kind: type[Read], adapter: TypeAdapter[Read]) -> Callable[[bytes], Read]:
    """What reads `kind` from JSON (rule 1). It raises pydantic.ValidationError where the bytes aren't one."""
    decode = Decoder(kind).decode

    def read(value: bytes) -> Read:
        try:
            return decode(value)
        except (DecodeError, RecursionError):
            return adapter.validate_json(value)

    return read


def numberless(attributes: Mapping[str, object]) -> bool:
    """Whether it holds no number (rule 2). What is nested isn't looked into."""
    return _NUMBERS.isdisjoint(map(type, attributes.values()))


encode: Final = Encoder().encode
"""The bytes of a value that holds no number but integers of 64 bits and floats below 1e16 (rule 2)."""
encode_sorted: Final = Encoder(order="deterministic").encode
"""The same with the keys of dictionaries sorted."""
