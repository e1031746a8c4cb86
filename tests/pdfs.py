"""PDFs for tests, written by hand: pages of words, as broken or hostile as a test wants them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

A4 = "0 0 595 842"

PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
"""What a password is filled up with: ISO 32000-1, 7.6.3.3."""


@dataclass(frozen=True)
class Page:
    """A page: words in 24-point Helvetica, or any content stream; its box; any other entries."""

    words: str = ""
    content: bytes = b""
    box: str = A4
    more: str = ""

    def stream(self) -> bytes:
        told = self.words.replace("\\", "").replace("(", "").replace(")", "")
        words = f"BT /F1 24 Tf 40 700 Td ({told}) Tj ET".encode("latin-1") if told else b""
        return self.content or words


def pdf(
    *pages: Page | str,
    title: str = "",
    catalog: str = "",
    resources: str = "",
    objects: Mapping[int, bytes] | None = None,
    password: str | None = None,
) -> bytes:
    """Return a PDF of these pages.

    Objects 1 to 3 are catalog, page tree and font; page n is object 2n + 4, its content follows;
    `objects` are added as they are, numbered from 1000. `password` encrypts all.
    """
    drawn = [page if isinstance(page, Page) else Page(page) for page in pages]
    kids = " ".join(f"{2 * n + 4} 0 R" for n in range(len(drawn)))
    found = {
        1: f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode(),
        2: f"<< /Type /Pages /Kids [{kids}] /Count {len(drawn)} >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        **(objects or {}),
    }
    for n, page in enumerate(drawn):
        number = 2 * n + 4
        found[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{page.box}] /Contents {number + 1} 0 R"
            f" /Resources << /Font << /F1 3 0 R >> {resources} >> {page.more} >>"
        ).encode()
        content = (
            page.stream() if password is None else _encrypted(page.stream(), number + 1, password)
        )
        found[number + 1] = stream(content)
    trailer = ""
    if title:
        found[900_000] = f"<< /Title ({title}) >>".encode("latin-1")
        trailer += "/Info 900000 0 R "
    if password is not None:
        trailer += f"/Encrypt {_encryption(password)} /ID [<{ID.hex()}> <{ID.hex()}>] "
    return written(found, trailer)


def stream(content: bytes, entries: str = "") -> bytes:
    """Return a stream object's body."""
    return f"<< /Length {len(content)} {entries} >>\nstream\n".encode() + content + b"\nendstream"


def written(objects: Mapping[int, bytes], trailer: str = "") -> bytes:
    """Return a file of these objects, with the table that says where each begins."""
    parts, offset, table = [b"%PDF-1.6\n"], 9, []
    for number, body in sorted(objects.items()):
        part = f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
        table.append(f"{number} 1\n{offset:010} 00000 n \n")
        parts.append(part)
        offset += len(part)
    told = f"<< /Root 1 0 R /Size {max(objects) + 1} {trailer}>>"
    table.append(f"trailer\n{told}\nstartxref\n{offset}\n%%EOF")
    return b"".join(parts) + b"xref\n0 1\n0000000000 65535 f \n" + "".join(table).encode()


def chinese(*pages: str) -> bytes:
    """Return a PDF of pages in Chinese, in a font that every reader has to have."""
    system = "<< /Registry (Adobe) /Ordering (GB1) /Supplement 4 >>"
    font = "<< /Type /Font /BaseFont /STSong-Light /Subtype"
    coded = f"{font} /Type0 /Encoding /UniGB-UCS2-H /DescendantFonts [1000 0 R] >>"
    glyphs = f"{font} /CIDFontType0 /CIDSystemInfo {system} >>"
    drawn = (f"BT /F1 24 Tf 40 700 Td <{page.encode('utf-16-be').hex()}> Tj ET" for page in pages)
    contents = [Page(content=content.encode()) for content in drawn]
    return pdf(*contents, objects={3: coded.encode(), 1000: glyphs.encode()})


TICKED, UNTICKED = "/FT /Btn /V /Yes /AS /Yes", "/FT /Btn /V /Off /AS /Off"

FORM = 1000
"""The object of a form; that of its field n, from 0, is by n + 3 higher."""


def form(words: str, *fields: str, more: str = "") -> bytes:
    """Return a PDF of one page with a form: its fields' entries, each 40 below the one before.

    A text field is `/FT /Tx /V (what was filled in)`; `more` are other entries of the form.
    """
    refs = " ".join(f"{FORM + 3 + n} 0 R" for n in range(len(fields)))
    fonts = f"/Font << /Helv 3 0 R /ZaDb {FORM + 1} 0 R >>"
    tick = f"/Type /XObject /Subtype /Form /BBox [0 0 20 20] /Resources << {fonts} >>"
    objects = {
        FORM: f"<< /Fields [{refs}] /DR << {fonts} >> {more} >>".encode(),
        FORM + 1: b"<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>",
        FORM + 2: stream(b"BT /ZaDb 18 Tf 2 2 Td (4) Tj ET", tick),
    }
    for n, field in enumerate(fields):
        right = 60 if "/Btn" in field else 540
        shows = f"/AP << /N << /Yes {FORM + 2} 0 R >> >>" if "/Btn" in field else ""
        rest = f"/T (field {n}) /DA (/Helv 18 Tf 0 g) {shows} {field}"
        place = f"/Rect [40 {620 - 40 * n} {right} {650 - 40 * n}]"
        objects[FORM + 3 + n] = f"<< /Type /Annot /Subtype /Widget {place} {rest} >>".encode()
    page = Page(words, more=f"/Annots [{refs}]")
    return pdf(page, catalog=f"/AcroForm {FORM} 0 R", objects=objects)


def words_of(pages: int, changed: Sequence[int] = ()) -> list[str]:
    """Return what so many pages say, from 1, each something else."""
    return [f"Page {n} {'changed' if n in changed else 'as it was'}" for n in range(1, pages + 1)]


# ---- encryption: ISO 32000-1, 7.6, revision 2, 40 bits of RC4. The owner's password is `owner`.

ID = b"0123456789abcdef"
RIGHTS = -44


def _encryption(password: str) -> str:
    own = _rc4(hashlib.md5(_padded("owner")).digest()[:5], _padded(password))
    user = _rc4(_key_of(password, own), PADDING)
    return f"<< /Filter /Standard /V 1 /R 2 /O <{own.hex()}> /U <{user.hex()}> /P {RIGHTS} >>"


def _key_of(password: str, own: bytes) -> bytes:
    rights = RIGHTS.to_bytes(4, "little", signed=True)
    return hashlib.md5(_padded(password) + own + rights + ID).digest()[:5]


def _encrypted(content: bytes, number: int, password: str) -> bytes:
    own = _rc4(hashlib.md5(_padded("owner")).digest()[:5], _padded(password))
    key = _key_of(password, own) + number.to_bytes(3, "little") + b"\0\0"
    return _rc4(hashlib.md5(key).digest()[:10], content)


def _padded(password: str) -> bytes:
    return (password.encode() + PADDING)[:32]


def _rc4(key: bytes, data: bytes) -> bytes:
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    i = j = 0
    out = bytearray()
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)
