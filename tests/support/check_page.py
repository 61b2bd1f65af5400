#!/usr/bin/python3
"""Checks that an HTML file is complete, that its drawings are XML, and that it neither loads other files nor runs scripts."""
import re
import sys
from html.parser import HTMLParser
from xml.dom import minidom

VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "link", "iframe", "object"), tag
        for name, value in attributes:
            assert not name.startswith("on"), name
            if name in ("src", "href"):
                assert value.startswith(("data:", "#")), value
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()


text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
page.close()
assert not page.open, page.open
drawings = re.findall(r"<svg .*?</svg>", text, re.S)
for drawing in drawings:
    minidom.parseString(drawing.encode())
assert "url(" not in text and "@import" not in text
print(len(drawings), "drawings")
