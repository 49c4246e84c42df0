"""The HTML file: whole, self-contained, and deaf to what names in it would like to be."""

import json
import re
from html.parser import HTMLParser

import pytest

from selffit.report.findings import Report

pytest.importorskip("matplotlib", reason="figures need the extra `figures` (matplotlib)")

VOID = {"meta", "img", "br"}


class Structure(HTMLParser):
    """Tags in order, and whether each is closed where it should be."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.sources = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def html(lines):
    from selffit.report.page import page

    return page(Report.read(lines))


def test_the_file_is_well_formed_and_loads_nothing(html):
    structure = Structure()
    structure.feed(html)
    assert structure.open == []
    assert not {"script", "link", "iframe", "object"} & set(structure.tags)
    assert structure.sources and all(
        source.startswith("data:image/") for source in structure.sources
    )
    assert "default-src 'none'" in html


def test_text_from_outside_is_escaped(html):
    assert "<script" not in html and "\x1b" not in html
    assert html.count("&lt;script&gt;") >= 3  # the run's name, a class, a layer, the verdict


def test_everything_is_there(html):
    for words in (
        "main-10",
        "self-fitting",
        "3 steps before it",
        "highest dominance",
        "our operational definition",
        "arXiv 2302.11963",
        "8/255",
        "grey carrier",
    ):
        assert words in html
    assert len(re.findall("<figure>", html)) == 5
    assert html.count("image/png") == 8


def test_a_single_network_and_missing_probes_do(lines):
    from selffit.report.page import page

    assert "<h2>Images" not in page(Report.read(lines[:2]))
    assert "<h2>Images" in page(Report.read(lines[:7]))


def test_the_same_records_give_the_same_file(lines, html):
    from selffit.report.page import page

    assert page(Report.read(lines)) == html


def test_what_was_done_to_somebody_elses_file_is_said(lines, nasty):
    from selffit.report.page import page

    target = json.loads(lines[0])
    target["d"] |= {"file": {"said": [f"stripped `{nasty}.`", "width 8"]}}
    html = page(Report.read([json.dumps(target), *lines[1:]]))
    assert "<p>The file: stripped `&lt;script&gt;" in html
    assert "; width 8.</p>" in html
