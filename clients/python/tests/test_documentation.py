"""The code on the pages for consumers is in files that tests run."""

import re

from bmp import ROOT

PACKAGE = ROOT / "clients" / "python"
FILES = {
    "python": [PACKAGE / "examples" / "current_table.py", PACKAGE / "tests" / "test_table.py"],
    "rust": [ROOT / "crates" / "client" / "examples" / "follow.rs"],
    "sql": sorted((ROOT / "examples").rglob("*.sql")),
}


def test_code_on_the_pages_is_in_files_that_are_run():
    for page in (ROOT / "docs" / "consumers.md", PACKAGE / "README.md"):
        for language, code in re.findall(r"^```(python|rust|sql)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
            files = [file.read_text() for file in FILES[language]]
            for line in filter(None, map(str.strip, code.splitlines())):
                line = line.split("  #")[0]
                assert any(line in text for text in files), f"{page.name}: {line}"
