"""The lineage page in a real browser: what is drawn, selected, found and filtered, without a fault.

Needs playwright and the Chromium that GITOPSC_CHROMIUM names: `make page`. With GITOPSC_PICTURES,
a folder, what the documentation shows is written there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAMPLE
from gitopsc.cli import main
from gitopsc.pipeline import compile_tree, review_trees
from gitopsc.report.page import render_page
from gitopsc.report.review_page import render_review_page
from gitopsc.scan import scan

CHROMIUM = os.environ.get("GITOPSC_CHROMIUM", "")
PICTURES = os.environ.get("GITOPSC_PICTURES", "")
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)

if not CHROMIUM:
    pytest.skip("GITOPSC_CHROMIUM names no browser", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api")

OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll(".node .box")];
  const places = boxes.map((box) => box.getBoundingClientRect());
  const meet = (a, b) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  return places.filter((a, i) => places.some((b, j) => j < i && meet(a, b))).length;
}"""
"""How many boxes stand on others."""

WORDS = ("orders", "customers", "prices", "stock", "visits", "weather", "cities", "routes")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS])
        yield found
        found.close()


class Opened:
    """A page in a tab; `faults` are what its console says of errors, and requests to anywhere."""

    def __init__(self, browser: Any, file: Path, theme: str, fragment: str = "") -> None:
        self.tab = browser.new_page(viewport={"width": 1280, "height": 760})
        self.faults: list[str] = []
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("console", self._heard)
        self.tab.on("request", self._asked)
        self.tab.goto(f"{file.as_uri()}?theme={theme}{fragment}")
        self.drawn(1)

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.faults.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.faults.append(request.url)

    def drawn(self, times: int) -> None:
        self.tab.wait_for_function(f"Number(document.body.dataset.drawn) >= {times}")

    def ids(self, marks: str = "") -> set[str]:
        boxes = self.tab.query_selector_all(f".node{marks}")
        return {box.get_attribute("data-id").partition("/")[2] for box in boxes}

    def picture(self, name: str) -> None:
        if PICTURES:
            self.tab.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_of(SAMPLE, tmp_path_factory.mktemp("sample"))


def page_of(repo: Path, folder: Path) -> Path:
    tree, _ = scan(str(repo))
    compilation = compile_tree(tree)
    file = folder / "lineage.html"
    file.write_text(render_page(compilation.programs, compilation))
    return file


def pipelines(folder: Path, jobs: int) -> Path:
    """A project with that many jobs and as many data."""
    (folder / "src").mkdir()
    (folder / "src" / "etl.py").write_text("def run(project, **inputs): ...\n")
    (folder / "gitopsc.yaml").write_text("project: shop\nstores: {default: 's3://shop/data'}\n")
    lines = ["kind: python\nname: etl\nspec:\n  python_version: PYTHON3_11"]
    lines.append("  source: {source: src/etl.py, handler: run}")
    names = [f"{WORDS[index % len(WORDS)]}-{index}" for index in range(jobs)]
    for index, name in enumerate(names):
        nth = index % 25  # of a team's jobs, which read their own data only
        reads = [] if nth % 6 == 0 else sorted({index - 1 - nth % 3, index - 1 - nth // 2})
        near = (each for each in reads if each // 25 == index // 25 and each >= 0)
        inputs = ", ".join(f"i{each}: {names[each]}" for each in near)
        lines.append(f"---\nkind: python+job:run\nname: make-{name}\nspec:\n  function: etl")
        lines.append(f"  inputs: {{{inputs}}}\n  outputs: {{out: {name}}}")
    (folder / "all.yaml").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_sample(browser: Any, sample: Path, theme: str) -> None:
    page = Opened(browser, sample, theme)
    tab = page.tab
    runs = {f"run/{name}" for name in ("announce", "cities-api", "download-cities")}
    shown = {*runs, "run/summarise-countries", "dataitem/world-cities"}
    assert page.ids() == {*shown, "dataitem/country-statistics"}
    tab.click('[data-id="world-cities/run/summarise-countries"]')
    assert page.ids(".up") == {"run/download-cities", "dataitem/world-cities"}
    assert page.ids(".down") == {"run/cities-api", "dataitem/country-statistics"}
    said = tab.inner_text("#details")
    for words in ("runs/jobs.yaml:10", "src/countries.py:7", "registry.example.com/geo/"):
        assert words in said
    assert "deploy/manifests/staging/summarise-countries.yaml" in said
    page.picture(f"lineage-5-{theme}")
    tab.select_option("#environment", "staging")
    assert "production" not in tab.inner_text("#details")
    tab.click("#kinds >> text=dataitem")
    page.drawn(3)
    assert "dataitem/world-cities" not in page.ids()
    assert len(tab.query_selector_all(".edge")) == 3  # they lead over what is not shown
    tab.click("#details >> text=country-statistics")
    page.drawn(4)
    assert "dataitem/country-statistics" in page.ids(".selected")
    assert tab.url.endswith("#world-cities%2Fdataitem%2Fcountry-statistics")
    assert page.faults == []


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service is deleted, a run is new, a requirement and a memory differ."""
    folder = tmp_path_factory.mktemp("review")
    root = folder / "repository"
    shutil.copytree(SAMPLE, root)
    (root / "runs" / "cities-api.json").rename(folder / "cities-api.json")
    for path, old, new in (
        ("functions/cities.yaml", "pandas==2.2.3", "pandas==2.3.1"),
        ("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi"),
    ):
        file = root / path
        file.write_text(file.read_text().replace(old, new))
    new_run = (
        "kind: python+job:run\nname: more\nspec: {function: announce, parameters: {channel: x}}\n"
    )
    (root / "runs" / "more.yaml").write_text(new_run)
    before, after = (scan(str(each))[0] for each in (SAMPLE, root))
    base, head, found = review_trees(before, after, {})
    file = folder / "review.html"
    file.write_text(render_review_page(found, "Merging", base, head))
    return file


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_review(browser: Any, review: Path, theme: str) -> None:
    """What the change touches stands out, and what it deletes is still to be seen."""
    page = Opened(browser, review, theme)
    tab = page.tab
    said = tab.inner_text("#details")
    assert said.startswith("Merging runs 3 jobs and builds 2 images; it deletes 1 service.")
    assert "requirement pandas 2.2.3 -> 2.3.1, functions/cities.yaml:9" in said
    assert page.ids(".touched.verb-deletes") == {"run/cities-api"}
    assert "run/announce" in page.ids(".still")
    page.picture(f"review-{theme}")
    inside = """() => [...document.querySelectorAll(".node")].every((node) => {
      const box = node.querySelector(".box").getBoundingClientRect();
      return [...node.querySelectorAll("text")].every((text) =>
        text.getBoundingClientRect().right < box.right);
    })"""
    assert tab.evaluate(inside)
    tab.keyboard.press("c")
    page.drawn(2)
    assert "run/announce" not in page.ids()
    tab.click("#details >> text=more")
    assert page.ids(".selected") == {"run/more"}
    assert "new run" in tab.inner_text("#details")
    tab.keyboard.press("Escape")
    assert tab.inner_text("#details").startswith("Merging")
    assert page.faults == []


COMMENT = """<!doctype html><meta charset=utf-8><style>
body { margin: 0; padding: 24px; background: %s; color: %s }
body { font: 14px/1.5 "DejaVu Sans", sans-serif }
main { border: 1px solid %s; border-radius: 6px; width: 1100px }
header { background: %s; border-bottom: 1px solid %s; border-radius: 6px 6px 0 0 }
header { padding: 8px 16px } article { padding: 0 16px 8px } summary { margin: 8px 0 }
table { border-collapse: collapse; font-size: 13px }
th, td { border: 1px solid %s; padding: 5px 12px }
code { font: 12px "DejaVu Sans Mono", monospace } ul { padding-left: 22px }
</style><main><header><b>gitopsc</b> commented</header><article>%s</article></main>"""
COLOURS = {
    "light": ("#ffffff", "#1f2328", "#d1d9e0", "#f6f8fa", "#d1d9e0", "#d1d9e0"),
    "dark": ("#0d1117", "#f0f6fc", "#3d444d", "#151b23", "#3d444d", "#3d444d"),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_comment(browser: Any, tmp_path: Path, theme: str) -> None:
    """As a forge draws it: a sentence, a table, a list, and what is folded."""
    text = (ROOT / "docs" / "reviews" / "requirement.md").read_text()
    markdown = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True})
    file = tmp_path / "comment.html"
    file.write_text(COMMENT % (*COLOURS[theme], markdown.enable("table").render(text)))
    tab = browser.new_page(viewport={"width": 1150, "height": 100})
    tab.goto(file.as_uri())
    rows = [row.inner_text().split("\t") for row in tab.query_selector_all("tbody tr")]
    assert [row[0].strip() for row in rows] == ["runs", "runs", "rolls", "builds"]
    assert "requirement pandas 2.2.3 -> 2.3.1" in rows[0][3]
    assert tab.inner_text("strong").startswith("Merging runs 2 jobs")
    assert len(tab.query_selector_all("details:not([open])")) == 2
    if PICTURES:
        tab.screenshot(path=str(Path(PICTURES) / f"comment-{theme}.png"), full_page=True)


def test_keys(browser: Any, sample: Path) -> None:
    page = Opened(browser, sample, "light", "#world-cities%2Frun%2Fdownload-cities")
    tab = page.tab
    assert page.ids(".selected") == {"run/download-cities"}
    tab.keyboard.press("ArrowRight")
    assert page.ids(".selected") == {"dataitem/world-cities"}
    tab.keyboard.press("ArrowLeft")
    assert page.ids(".selected") == {"run/download-cities"}
    tab.keyboard.press("ArrowDown")
    assert page.ids(".selected") == {"run/announce"}
    tab.keyboard.press("f")
    page.drawn(2)
    assert page.ids() == {"run/announce"}
    tab.keyboard.press("Escape")
    page.drawn(3)
    assert page.ids(".selected") == set()
    assert len(page.ids()) == 6
    tab.keyboard.press("/")
    tab.keyboard.type("count")
    assert page.ids(".found") == {"run/summarise-countries", "dataitem/country-statistics"}
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    assert len(page.ids(".selected")) == 1
    tab.keyboard.press("?")
    assert tab.is_visible("#keys")
    before = tab.get_attribute("#view", "transform")
    tab.keyboard.press("+")
    assert tab.get_attribute("#view", "transform") != before
    tab.keyboard.press("t")
    assert tab.evaluate("document.documentElement.className") == "dark"
    assert page.faults == []


@pytest.mark.parametrize("jobs", [25, 500])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_many(browser: Any, tmp_path: Path, jobs: int, theme: str) -> None:
    file = page_of(pipelines(tmp_path, jobs), tmp_path)
    page = Opened(browser, file, theme)
    assert len(page.ids()) == 2 * jobs
    assert page.tab.evaluate(OVERLAPS) == 0
    page.picture(f"lineage-{2 * jobs}-{theme}")
    page.tab.keyboard.press("/")
    page.tab.keyboard.type(f"make-{WORDS[20 % 8]}-20")
    page.tab.keyboard.press("Enter")
    assert len(page.ids(".selected")) == 1
    page.tab.keyboard.press("f")
    page.drawn(2)
    assert 1 < len(page.ids()) < 2 * jobs
    assert page.faults == []


def test_a_folder_with_nothing_to_draw(
    browser: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gitopsc.yaml").write_text("project: empty\n")
    assert main(["graph", str(tmp_path), "--format", "html"]) == 0
    file = tmp_path / "lineage.html"
    file.write_text(capsys.readouterr().out)
    page = Opened(browser, file, "light")
    assert page.tab.inner_text("#status") == "0 nodes, 0 arrows"
    assert page.faults == []
