"""The HTML report as an auditor sees it: opened from a file in a real browser, offline."""

import base64
from pathlib import Path
from typing import Any

import orjson
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from streamproc.audit.revocations.latency import LIMIT, report
from streamproc.audit.revocations.query import leavers
from streamproc.cli.report import rendered
from tests.support.leavers import DAY, Log
from tests.support.paths import REPOSITORY
from tests.support.period import END, HOSTILE, day

KEPT = REPOSITORY / "build" / "revocations.png"
"""The picture of the page is left here."""


def page(log: Log, folder: Path) -> str:
    """The day's report in a file; its address."""
    told = report(leavers(log.history, END), DAY, END, int(LIMIT * 1000))
    path = folder / "report.html"
    path.write_bytes(rendered(told, "html", "an archive"))
    return path.as_uri()


def texts(browser: webdriver.Chrome, selector: str) -> list[str]:
    """What can be read in these elements."""
    return [each.text for each in browser.find_elements(By.CSS_SELECTOR, selector)]


def column(browser: webdriver.Chrome, number: int) -> list[str]:
    """A column of the table of every leaver, as it stands."""
    script = "return Array.from(document.querySelectorAll('#all tbody tr'), row => row.cells[arguments[0]].textContent)"
    found: list[str] = browser.execute_script(script, number)
    return found


def events(browser: webdriver.Chrome) -> list[dict[str, Any]]:
    """What the browser's own log has, of its network too."""
    return [orjson.loads(each["message"])["message"] for each in browser.get_log("performance")]  # type: ignore[no-untyped-call]  # the same


def test_an_auditor_reads_the_report(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """Numbers, breaches on top, three plots that are there, sorting, no request, no error, and nobody's name runs."""
    address = page(day(), tmp_path)
    browser.get(address)
    assert browser.title == "Revocation report, 2026-03-02 00:00 to 2026-03-03 00:00 UTC"
    assert texts(browser, "h1") == ["Revocation report"]
    assert "3 leavers kept access for longer than 5 min." in texts(browser, ".verdict strong")[0]
    figures = dict(zip(texts(browser, ".figures dt"), texts(browser, ".figures dd"), strict=True))
    assert (figures["Revoked"], figures["Later than 5 min"], figures["Open at the end"]) == ("248", "2", "2")
    assert figures["Longest"] == "1 h 12 min"
    assert texts(browser, "#late tbody th") == ["O1", "B1", "B2"]
    assert "after release by Kim Berg: really left" in texts(browser, "#late tbody tr")[1]
    assert "the user is <locked> (correlation id a1b2)" in texts(browser, "#late tbody tr")[0]
    assert texts(browser, "#kept tbody th") == ["K1"]
    dated = column(browser, 0).index("H1")
    assert [column(browser, number)[dated] for number in (3, 4, 5, 6)] == [
        *("2026-03-02 10:00:00.000", "2026-03-02 10:00:00.000", "2026-03-02 Pacific/Honolulu", "1.540")
    ]
    _plots(browser)
    _sorting(browser)
    _hostile(browser)
    _alone(browser, address)
    _picture(browser)


def test_it_can_be_read_without_its_script(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """With scripts switched off everything is there but the sorting, which leaves no dead buttons behind."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(page(day(30), tmp_path))
    assert texts(browser, "#late tbody th") == ["O1", "B1", "B2"]
    assert len(browser.find_elements(By.CSS_SELECTOR, "#all tbody tr")) == 43
    assert browser.find_elements(By.CSS_SELECTOR, "button") == []


def _plots(browser: webdriver.Chrome) -> None:
    """Each has a size, a title and a description, and marks within its own edges."""
    for name, marks, least in (
        ("distribution", ".bar", 8),
        ("hops", ".hop", 15),
        ("timeline", ".breach, .open, .dots", 5),
    ):
        plot = browser.find_element(By.ID, name)
        assert plot.size["width"] > 600
        assert plot.size["height"] > 100
        assert plot.accessible_name
        assert plot.find_element(By.CSS_SELECTOR, "desc").get_attribute("textContent")
        drawn = plot.find_elements(By.CSS_SELECTOR, marks)
        assert len(drawn) >= least
        for mark in drawn:
            assert plot.rect["x"] <= mark.rect["x"] <= plot.rect["x"] + plot.rect["width"]
    assert browser.find_element(By.CSS_SELECTOR, "#timeline .dots").size["width"] > 500
    assert len(browser.find_elements(By.CSS_SELECTOR, "#distribution .bar.late")) == 2


def _sorting(browser: webdriver.Chrome) -> None:
    """A number column by number and a text column by text, up and down; what is empty comes last."""
    heads = browser.find_elements(By.CSS_SELECTOR, "#all thead th")
    names = [each.text for each in heads]
    time, sent = names.index("Time"), names.index("Sent")
    heads[time].find_element(By.TAG_NAME, "button").click()
    rising = [float(each) for each in column(browser, time)]
    assert rising == sorted(rising)
    assert heads[time].get_attribute("aria-sort") == "ascending"
    heads[time].find_element(By.TAG_NAME, "button").click()
    assert [float(each) for each in column(browser, time)] == rising[::-1]
    heads[sent].find_element(By.TAG_NAME, "button").click()
    told = column(browser, sent)
    assert told[-1] == ""
    assert [float(each) for each in told if each] == sorted(float(each) for each in told if each)
    heads[0].find_element(By.TAG_NAME, "button").click()
    assert column(browser, 0) == sorted(column(browser, 0))
    assert [each.get_attribute("aria-sort") for each in heads if each.get_attribute("aria-sort")] == ["ascending"]


def _hostile(browser: webdriver.Chrome) -> None:
    """Names are text: nothing of them became an element, and what would hide or turn the reading is named."""
    shown = column(browser, 0)
    for name in HOSTILE:
        assert name.replace("\u202e", "\\u202e").replace("\x00", "\\x00").replace("\x1b", "\\x1b") in shown
    assert browser.find_elements(By.CSS_SELECTOR, "img, iframe, link, object, [onerror], [href], [src]") == []
    assert len(browser.find_elements(By.TAG_NAME, "script")) == len(browser.find_elements(By.TAG_NAME, "h1")) == 1


def _alone(browser: webdriver.Chrome, address: str) -> None:
    """One request, for the file itself; no word on the console; and the policy stops even a script that got in."""
    asked = [
        each["params"]["request"]["url"] for each in events(browser) if each["method"] == "Network.requestWillBeSent"
    ]
    assert [each for each in asked if each != address] == []
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]  # the same
    browser.execute_script(
        "const bad = document.createElement('script'); bad.textContent = 'document.title = `owned`';"
        "document.body.append(bad); fetch('https://example.com/').catch(() => 0);"
    )
    assert browser.title != "owned"
    said: list[str] = []

    def both_refused(_: webdriver.Chrome) -> bool:  # the console hears of it a moment later
        said.extend(each["message"] for each in browser.get_log("browser"))  # type: ignore[no-untyped-call]  # the same
        return len(said) >= 2

    WebDriverWait(browser, 60).until(both_refused)
    assert all("Content Security Policy" in each for each in said)
    assert any("script-src" in each for each in said)
    assert any("example.com" in each and "default-src" in each for each in said)


def _picture(browser: webdriver.Chrome) -> None:
    """The whole page, kept to look at."""
    browser.get(browser.current_url)
    whole = {"format": "png", "captureBeyondViewport": True}
    size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    whole["clip"] = {"x": 0, "y": 0, "width": 1280, "height": min(size["height"], 4200), "scale": 1}
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_bytes(base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", whole)["data"]))
    assert KEPT.stat().st_size > 50_000
