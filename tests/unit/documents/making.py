"""Small documents of every type, made on the spot."""

import io
import zipfile
from pathlib import Path

from docx import Document as WordDocument
from pptx import Presentation
from pptx.util import Inches
from pypdf import PdfReader, PdfWriter


def make_pdf(*pages: str) -> bytes:
    """A PDF with a line of text on each page; without pages' text, pages that are empty."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids: list[str] = []
    for text in pages:
        drawn = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    return _with_table(objects)


def _with_table(objects: list[str]) -> bytes:
    out, places = b"%PDF-1.4\n", list[int]()
    for number, text in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
    )
    return out + f"{end}startxref\n{len(out)}\n%%EOF\n".encode()


def encrypt_pdf(content: bytes, *, user_password: str, algorithm: str = "RC4-128") -> bytes:
    """The same PDF, to be opened with that password."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
    writer.encrypt(user_password, "owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def make_docx() -> bytes:
    """Headings, paragraphs, a list and a table with a cell of two columns."""
    document = WordDocument()
    document.add_heading("Handbook", 0)
    document.add_heading("Leave", 1)
    document.add_paragraph("Everybody has thirty days a year.\nAsk early.")
    document.add_paragraph("Sundays", style="List Bullet")
    table = document.add_table(2, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Team", "Days"
    table.cell(1, 0).merge(table.cell(1, 1)).text = "all the same"
    return _saved(document)


def make_pptx() -> bytes:
    """A slide with a title, a text, a table and notes."""
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    assert slide.shapes.title is not None
    slide.shapes.title.text = "Plan"
    slide.placeholders[1].text = "We ship in May."
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(4), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "owner", "Ana"
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "Grouped."
    assert slide.notes_slide.notes_text_frame is not None
    slide.notes_slide.notes_text_frame.text = "Speak slowly."
    return _saved(deck)


def make_bomb(*, size_bytes: int) -> bytes:
    """A Word document of a few kilobytes that unpacks to ``size_bytes`` and more."""
    out = io.BytesIO(make_docx())
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("word/more.xml", "w") as member:
        for _ in range(size_bytes // 1_000_000):
            member.write(bytes(1_000_000))
    return out.getvalue()


def make_deep_docx(*, depth: int) -> bytes:
    """A Word document whose text is nested as no program would write it."""
    source, out = zipfile.ZipFile(io.BytesIO(make_docx())), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in source.infolist():
            deep = b"<a>" * depth + b"</a>" * depth
            archive.writestr(member, deep if member.filename == "word/document.xml" else source.read(member))
    return out.getvalue()


def put(root: Path, name: str, content: bytes | str) -> str:
    """Write a file below ``root``; returns its name."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def _saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # pyright: ignore
    return out.getvalue()
