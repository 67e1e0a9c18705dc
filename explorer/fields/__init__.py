"""Fields that stand in a link: how a field is declared, which formats its values have, and which checks fields share."""

from explorer.fields import formats
from explorer.fields.checks import LONGEST_NAME, all_of, encodable, is_name, name_or_empty, one_of
from explorer.fields.field import Check, Grouped, Linked, check, grouped, linked, rows, written
from explorer.fields.formats import Format, joined, packed, unpacked

__all__ = [
    "LONGEST_NAME",
    "Check",
    "Format",
    "Grouped",
    "Linked",
    "all_of",
    "check",
    "encodable",
    "formats",
    "grouped",
    "is_name",
    "joined",
    "linked",
    "name_or_empty",
    "one_of",
    "packed",
    "rows",
    "unpacked",
    "written",
]
