"""Which mapping can come into force: a well-formed one that names existing sources."""

from functools import lru_cache

from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.sources import SOURCES


@lru_cache(maxsize=16)
def usable(text: str, name: str) -> Mapping:
    """The mapping of a file's text. Raises MappingError naming the table and key at fault."""
    mapping = parse_mapping(text, name)
    named = {f"authority.{fact}": sources for fact, sources in mapping.file.authority.items()}
    for where, sources in (named | {"claims.several": mapping.file.claims.several}).items():
        if unknown := set(sources) - SOURCES.keys():
            raise MappingError(f"{name}: {where}: there is no source {min(unknown)}; there are {', '.join(SOURCES)}")
    return mapping
