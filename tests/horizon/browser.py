"""A person in front of Horizon: a headless Chromium, and what people do in it."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from lab.accounts import read
from lab.horizon import BROWSER, HorizonLab

LIMIT = 120  # seconds; what a loaded machine with two cores may take, never what it should
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",  # or a process of its own draws in the place of the GPU
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LINES = 60  # per page: more than the pack has workflows; each line of a page takes time
STATE = 9  # the column of the list of executions
ENDED = re.compile("Success|Error|CANCELLED")
# Screenshots of the guide are taken anew only when this names its directory, docs/images.
IMAGES = os.environ.get("HORIZON_IMAGES")


class Person:
    """Somebody who is logged in.

    :param page: of the browser, which is at the first page after the login.
    :param url: of Horizon.
    :param shots: directory for screenshots.
    """

    def __init__(self, page: Page, url: str, shots: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.forms: dict[str, list[str]] = {}  # workflow -> fields of its form, of those opened
        self._buttons: dict[str, str] = {}  # workflow -> where its button Execute leads to
        self._url = url
        self._shots = shots
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("response", self._note_answer)

    # ---- where to look
    def go(self, path: str) -> str:
        """Open a page; return its text without the frame around it."""
        self.page.goto(f"{self._url}{path}")
        return self.page.locator("#content_body").inner_text()

    def dashboards(self) -> list[str]:
        """Return the headings of the menu on the left."""
        headings = self.page.locator("#sidebar-accordion > li > a").all_inner_texts()
        return [heading.strip() for heading in headings]

    def rows(self, path: str) -> list[str]:
        """Return the text of each row of the table on a page."""
        self.go(path)
        return self.page.locator("table tbody tr[data-object-id]").all_inner_texts()

    def shoot(self, name: str, *, high: int = 620) -> None:
        """Take a screenshot of the upper part of the page as it is."""
        directory = Path(IMAGES) if IMAGES else self._shots
        width = self.page.viewport_size["width"]
        clip = {"x": 0, "y": 0, "width": width, "height": high}
        self.page.screenshot(path=directory / f"{name}.png", clip=clip)

    def show_more(self, lines: int) -> None:
        """Set "Items Per Page" in the user's settings: the second page of workflows is broken."""
        self.go("/settings/")
        self.page.fill("#id_pagesize", str(lines))
        with self.page.expect_navigation():
            self.page.locator("form:has(#id_pagesize) input[type=submit]").click()

    def choose_project(self, name: str) -> None:
        """Choose it in the bar at the top, unless it is chosen."""
        menu = self.page.locator("a[href*='/auth/switch/']")
        link = menu.filter(has_text=re.compile(rf"^\s*{name}\s*$"))
        if link.count():
            self.page.goto(f"{self._url}{link.first.get_attribute('href')}")

    # ---- the Execute form
    def open_form(self, workflow: str) -> dict[str, str]:
        """Press Execute of a workflow; return its fields with what stands in them.

        From the second time on the form is opened as a page of its own: the list takes its time.
        """
        if workflow in self._buttons:
            self.go(self._buttons[workflow])
        else:
            self._press_execute(workflow)
        form = self.page.locator("#execute_form")
        expect(form).to_be_visible(timeout=LIMIT * 1000)
        fields = form.locator("input[type=text]").all()
        shown = {str(field.get_attribute("name")): field.input_value() for field in fields}
        inputs = {name: shown[name] for name in shown if name not in ("workflow_name", "task_name")}
        self.forms[workflow] = list(inputs)
        return inputs

    def _press_execute(self, workflow: str) -> None:
        self.go("/mistral/workflows/")
        name = self.page.get_by_role("link", name=workflow, exact=True)
        button = self.page.locator("tr", has=name).get_by_role("link", name="Execute")
        self._buttons[workflow] = str(button.get_attribute("href"))
        button.click()

    def execute(self, workflow: str, **values: str) -> str:
        """Fill in the form and send it; what is not named keeps what the form wrote there.

        :returns: the id of the execution.
        """
        self.open_form(workflow)
        for name, value in values.items():
            self.page.fill(f"#execute_form input[name={name}]", value)
        self.send()
        # at once: what is told in the corner fades away after three seconds
        self.page.wait_for_url("**/mistral/executions/", wait_until="commit")
        told = self.page.locator(".alert-success").inner_text()
        return told.split('"')[1]

    def send(self) -> None:
        self.page.locator(".modal-footer input[type=submit]").click()

    # ---- the list of executions
    def row(self, execution: str) -> Locator:
        return self.page.locator(f"tr[data-object-id='{execution}']")

    def end(self, execution: str) -> tuple[str, str]:
        """Look at the list until an execution has ended; return its state and the hover text."""
        return self.ends([execution])[0]

    def ends(self, executions: list[str]) -> list[tuple[str, str]]:
        """Do so with several of them."""
        self.go("/mistral/executions/")
        cells = [self.row(one).locator(f"td:nth-child({STATE})") for one in executions]
        for cell in cells:
            # Horizon itself fetches the row again every few seconds
            expect(cell).to_have_text(ENDED, timeout=LIMIT * 1000)
        return [(cell.inner_text().strip(), cell.get_attribute("title") or "") for cell in cells]

    def press(self, execution: str, button: str) -> None:
        """Choose from the menu of an execution's row; nobody asks whether that is meant."""
        self.go("/mistral/executions/")
        choice = self.row(execution).locator("button", has_text=button)
        with self.page.expect_navigation():
            # in its menu, which closes when Horizon fetches the row again, every few seconds
            choice.dispatch_event("click")

    def report(self, execution: str) -> dict[str, Any]:
        """Return the report that is the output on the detail page."""
        self.go(f"/mistral/executions/{execution}/detail")
        output = json.loads(self.page.locator("dt:text-is('Output') + dd").inner_text())
        return dict(output["report"])

    # ---- complaints of the browser
    def _note_message(self, message: Any) -> None:
        # of a page that was not found, the answer tells which
        if message.type == "error" and "status of 404" not in message.text:
            self.complaints.append(message.text)

    def _note_answer(self, answer: Any) -> None:
        if answer.status >= 400 and not answer.url.endswith("/favicon.ico"):
            self.complaints.append(f"{answer.status} {answer.url}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser; each login gets a profile of its own in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which(BROWSER), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def logged_in(browser: Browser, horizon: HorizonLab, cloud: str, shots: Path) -> Iterator[Person]:
    """Log in with an account of the lab's `clouds.yaml`, into its project.

    :param shots: directory for screenshots.
    """
    auth = read(horizon.lab.state / "clouds.yaml")[cloud]["auth"]
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    try:
        page.set_default_timeout(LIMIT * 1000)
        page.goto(f"{horizon.url}/auth/login/?next=/settings/")
        person = Person(page, horizon.url, shots)
        page.fill("#id_username", auth["username"])
        page.fill("#id_password", auth["password"])
        with page.expect_navigation(url="**/settings/"):
            page.click("#loginBtn")
        person.choose_project(auth["project_name"])
        yield person
    finally:
        page.close()
