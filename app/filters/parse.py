"""Where: `city == "Singapore" and safer >= 5` → a condition; or an error with a caret.

filter    = both { "or" both }             `and` binds tighter than `or`, `not` tightest
both      = one { "and" one }
one       = "not" one | "(" filter ")" | condition
condition = field ( == | != | < | <= | > | >= ) value
          | field [ "not" ] "in" "[" [ value { "," value } ] "]"
          | field "." "contains" "(" string ")"
          | "exists" "(" field ")"
          | "near" "(" latitude "," longitude "," km ")"
field     = a name, its slug, or the name in backticks; upper or lower case. A bare name may have
            blanks in it, but not the words above; with those or other characters it needs backticks
value     = 4.5 | "words" | 'words' | true | false | moment
moment    = ( now | today | yesterday | tomorrow ) [ ( + | - ) whole number unit ]
unit      = minute | hour | day | week | month | year, or several of them; of a day no hours

A time without a zone ("2010-01-27", today) is compared with the time as the data has it written, in
whatever zone; one with a zone ("2010-01-27T14:05+08:00", now) with the instant that this was.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal, NamedTuple, NoReturn, cast, get_args

from app.filters.conditions import (
    MAX_CONDITIONS,
    MAX_NESTING,
    MOMENT,
    AllOf,
    AnyOf,
    Column,
    Condition,
    Exists,
    Not,
    Operator,
    Value,
    columns_of,
    comparison,
    containment,
    find_column,
    listed,
    membership,
    mismatch,
    moment,
    nearness,
)
from app.model.errors import QueryError
from app.model.records import Field

MAX_FILTER_CHARACTERS = 10_000
"""Room for 256 conditions of 39 characters; what is longer was not typed."""

CONTEXT_CHARACTERS = 60
"""Shown on each side of a mistake."""

Kind = Literal["moment", "name", "backticks", "string", "number", "symbol", "end"]


class Token(NamedTuple):
    """A piece of the text: what it is, as it is written, and where it stands."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """The place right after it."""
        return self.start + len(self.text)


_MOMENT = re.sub(r"\?P<\w+>", "?:", MOMENT.pattern)

_TOKEN = re.compile(
    rf"""\s* (?:
      (?P<string> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' )
    | (?P<backticks> `[^`]*` )
    | (?P<number> [+-]? (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+) (?:[eE][+-]?[0-9]+)? (?!\w) )
    | (?P<moment> (?i:{_MOMENT}) )
    | (?P<name> (?: \w | [^\x00-\x7f\s“”„‘’«»] )+ )
    | (?P<symbol> [=!<>]= | [<>()\[\],.] )
    | (?P<end> \Z ) )""",
    re.VERBOSE | re.DOTALL,
)

_HINTS = {
    "=": "write == to compare",
    "!": "write not, or != between a field and a value",
    "&": "write and",
    "|": "write or",
    "{": 'this is JSON, not a filter: write one such as city == "Singapore" and safer >= 5',
    '"': "this string has no closing quote",
    "'": "this string has no closing quote",
    "`": "this name has no closing backtick",
    **dict.fromkeys("+-", "write now - 7 days; a name with this character needs backticks"),
} | dict.fromkeys("“”„‘’«»", "write a straight quote")

_KEYWORDS = ("and", "or", "not", "in")
_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t"}


def parse(text: str, fields: Sequence[Field]) -> Condition:
    """Read a filter over these fields. Raises QueryError, with a caret under what is wrong."""
    if len(text) > MAX_FILTER_CHARACTERS:
        raise QueryError(
            f"a filter may have {MAX_FILTER_CHARACTERS:,} characters, not {len(text):,}"
        )
    if not text.strip():
        raise QueryError('the filter is empty; write one such as city == "Singapore"')
    if any(unicodedata.category(char) == "Cs" for char in text):
        raise QueryError("the filter is not valid Unicode; was it pasted in another encoding?")
    return _Parser(text, columns_of(fields)).whole()


def _tokens(text: str) -> Iterator[Token]:
    place = 0
    while match := _TOKEN.match(text, place):
        kind = cast(Kind, match.lastgroup)
        yield Token(kind, match[kind], match.start(kind))
        if kind == "end":
            return
        place = match.end()
    place += len(text[place:]) - len(text[place:].lstrip())
    _refuse(text, place, place + 1, _HINTS.get(text[place], "this character has no meaning here"))


class _Parser:
    """A place in the tokens that moves on as they are read, one function to a line of grammar."""

    def __init__(self, text: str, columns: Sequence[Column]) -> None:
        self.text = text
        self.columns = columns
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0
        self.conditions = 0

    # ---- the grammar

    def whole(self) -> Condition:
        condition = self.either()
        if self.next.kind != "end":
            self.refuse(self.next, "expected and, or, or the end of the filter")
        return condition

    def either(self) -> Condition:
        parts = [self.both()]
        while self.took("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def both(self) -> Condition:
        parts = [self.one()]
        while self.took("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def one(self) -> Condition:
        if self.is_next("not"):
            self.deeper(self.take())
            inner: Condition = Not(self.one())
        elif self.is_next("("):
            self.deeper(self.take())
            inner = self.either()
            self.expect(")")
        else:
            return self.condition()
        self.depth -= 1
        return inner

    def condition(self) -> Condition:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            self.refuse(self.next, f"a filter may have {MAX_CONDITIONS} conditions, not more")
        if self.is_call("near"):
            return self.near()
        if self.is_call("exists"):
            return self.exists()
        name = self.next
        column = self.column()
        return self.contains(column) if self.took(".") else self.compared(name, column)

    def near(self) -> Condition:
        call = self.take()
        self.expect("(")
        lat = self.number()
        self.expect(",")
        lon = self.number()
        self.expect(",")
        km = self.number()
        end = self.expect(")").end
        with self.pointing_at(call.start, end):
            return nearness(lat, lon, km)

    def exists(self) -> Condition:
        self.take()
        self.expect("(")
        column = self.column()
        self.expect(")")
        return Exists(column.key)

    def contains(self, column: Column) -> Condition:
        method = self.take()
        if method.text.lower() != "contains":
            self.refuse(method, "only contains(…) follows a dot; a name with one needs backticks")
        self.expect("(")
        words = self.take()
        if words.kind != "string":
            self.refuse(words, 'contains takes words in quotes: contains("wet road")')
        self.expect(")")
        with self.pointing_at(words.start, words.end, column):
            return containment(column, self.string(words))

    def compared(self, name: Token, column: Column) -> Condition:
        negated = self.took("not")
        if self.took("in"):
            found = membership(column, self.values(column))
            return Not(found) if negated else found
        operator = self.take()
        if negated or operator.text not in get_args(Operator):
            self.refuse(operator, f"expected ==, !=, <, <=, >, >= or in after {name.text}")
        return self.checked(column, cast(Operator, operator.text))[0]

    def values(self, column: Column) -> list[Value]:
        self.expect("[")
        values: list[Value] = []
        while not self.took("]"):
            if values:
                self.expect(",")
            values.append(self.checked(column, "==")[1])
        return values

    def checked(self, column: Column, operator: Operator) -> tuple[Condition, Value]:
        """Read a value; return the comparison with it, and the value. A misfit points at it."""
        token = self.next
        value = self.value(column, operator)
        with self.pointing_at(token.start, token.end, column):
            return comparison(column, operator, value), value

    # ---- names and values

    def column(self) -> Column:
        token = self.take()
        if token.kind != "backticks" and not _is_name(token):
            self.refuse(token, "expected the name of a field, in backticks if it is not one word")
        quoted = token.kind == "backticks"
        if not quoted and (column := self.spaced(token)):
            return column
        with self.pointing_at(token.start, token.end):
            return find_column(self.columns, token.text.strip("`"), quoted=quoted)

    def spaced(self, first: Token) -> Column | None:
        """Return the column whose name has blanks in it, if that is what stands here."""
        at = self.at
        while _is_name(self.next):
            self.take()
        name = " ".join(token.text for token in (first, *self.tokens[at : self.at]))
        with suppress(QueryError):
            return find_column(self.columns, name)
        self.at = at
        return None

    def value(self, column: Column, operator: Operator) -> Value:
        token = self.take()
        if token.kind == "string":
            return self.string(token)
        if token.kind == "number":
            return float(token.text)
        if token.kind == "name" and token.text.lower() in ("true", "false"):
            return token.text.lower() == "true"
        if token.kind == "moment":
            with self.pointing_at(token.start, token.end):
                return moment(token.text)
        word = re.match(r"[^\s()\[\],\"']+", self.text[token.start :])
        if token.kind != "name" or not word:
            self.refuse(token, "expected a value")
        if column.type != "words":
            self.refuse(token, f"expected a value; {mismatch(column, word[0], operator)}")
        return self.refuse(token, f'expected a value; words need quotes: "{word[0]}"')

    def number(self) -> float:
        token = self.take()
        if token.kind != "number":
            self.refuse(token, "expected a number: near(latitude, longitude, km)")
        return float(token.text)

    def string(self, token: Token) -> str:
        def read(match: re.Match[str]) -> str:
            if match[1] not in _ESCAPES:
                start = token.start + 1 + match.start()
                _refuse(self.text, start, start + 2, "no such escape; write \\\\ for a backslash")
            return _ESCAPES[match[1]]

        return re.sub(r"\\(.)", read, token.text[1:-1], flags=re.DOTALL)

    # ---- the next token

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.next
        self.at += token.kind != "end"
        return token

    def is_next(self, text: str) -> bool:
        return self.next.kind in ("name", "symbol") and self.next.text.lower() == text

    def is_call(self, name: str) -> bool:
        return self.is_next(name) and self.tokens[self.at + 1].text == "("

    def took(self, text: str) -> bool:
        found = self.is_next(text)
        self.at += found
        return found

    def expect(self, text: str) -> Token:
        if not self.is_next(text):
            self.refuse(self.next, f"expected {text}")
        return self.take()

    def deeper(self, token: Token) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            self.refuse(token, f"a filter may be nested {MAX_NESTING} deep, not deeper")

    # ---- mistakes

    def refuse(self, token: Token, message: str) -> NoReturn:
        _refuse(self.text, token.start, token.end, message)

    @contextmanager
    def pointing_at(self, start: int, end: int, column: Column | None = None) -> Iterator[None]:
        """Put the caret under what an error is about; with a column, list the fields too."""
        try:
            yield
        except QueryError as error:
            fields = f"\n{listed(self.columns, column.slug)}" if column else ""
            _refuse(self.text, start, end, f"{error}{fields}")


def _is_name(token: Token) -> bool:
    """Whether it can be in a name; a column may well be called `today`."""
    is_word = token.kind == "name" or (token.kind == "moment" and token.text.isalpha())
    return is_word and token.text.lower() not in _KEYWORDS


def _refuse(text: str, start: int, end: int, message: str) -> NoReturn:
    """Raise QueryError: the first line of the message, the text with a caret, the other lines."""
    first = max(0, start - CONTEXT_CHARACTERS)
    last = start + CONTEXT_CHARACTERS
    before, under = _printed(text[first:start]), _printed(text[start : min(end, last)])
    before = "…" + before if first else before
    after = _printed(text[min(end, last) : last]) + ("…" if last < len(text) else "")
    said, _, more = message.partition("\n")
    marks = " " * _columns(before) + "^" * max(1, _columns(under))
    lines = [said, f"    {before}{under}{after}", f"    {marks}", more]
    raise QueryError("\n".join(line for line in lines if line)) from None


def _printed(text: str) -> str:
    """Return text that moves no cursor: line ends as spaces, what cannot be seen as a mark."""
    spaced = (" " if char.isspace() else char for char in text)
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in spaced)


def _columns(text: str) -> int:
    """Return how many columns of a terminal the text takes: wide characters two, marks none."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.category(char) in ("Mn", "Me") for char in text)
