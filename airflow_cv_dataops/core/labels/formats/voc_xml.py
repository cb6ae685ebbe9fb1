"""XML of label files to elements: in the encoding that it declares, without entities."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.labels.records import clean_text, number

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What the parser decodes itself.
_OF_THE_PARSER = frozenset(("utf-8", "utf-16", "iso8859-1", "ascii"))
# What Windows calls by these names has more characters than the standards of the names.
_AS_WRITTEN = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
_NO_ENCODINGS = frozenset(("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"))


def parse_xml(data: bytes) -> Element:
    """Parse without entities. :raises ValueError: it is not XML, in no known encoding, or XML that attacks its reader."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.ElementTree import fromstring

    try:
        return fromstring(_decoded(data))
    except (ParseError, LookupError) as error:
        raise ValueError(str(error)) from error


def text_of(element: Element, tag: str) -> str | None:
    """Return the text of the first child with the tag, ``None`` where there is none or it is blank."""
    found = element.findtext(tag)
    return clean_text(found.strip()) or None if found else None


def value_of(text: str) -> int | float | str:
    """Return a number as such, a whole one as a whole number; any other text as it is."""
    found = number(text)
    if found is None:
        return clean_text(text.strip())
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _decoded(data: bytes) -> bytes | str:
    """Return text where the XML declares an encoding that the parser does not know: it knows none of more than one byte but Unicode's."""
    declared = None if data.startswith(_BYTE_ORDER_MARKS) else _DECLARED.match(data)
    if declared is None:
        return data
    codec = codecs.lookup(declared.group(1).decode("ascii"))
    if codec.name in _OF_THE_PARSER:
        return data
    if codec.name.replace("-", "_") in _NO_ENCODINGS or not getattr(codec, "_is_text_encoding", True):
        raise ValueError(f"{codec.name} is no encoding of a text")
    return data.decode(_AS_WRITTEN.get(codec.name, codec.name))
