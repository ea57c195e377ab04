"""The page in a real browser, with an audio file as its microphone, used as a person would use it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect, sync_playwright

from tests.support.browser import launched
from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.served import serving
from tests.support.sound import recorded, recording, silence, write_pcm
from voice_helper.cli.serve import listening_socket
from voice_helper.servers.web.page_files import dialled_number
from voice_helper.skill import Skill
from voice_helper.types import CHUNK_SAMPLES, SAMPLE_RATE
from voice_helper.understanding.learned_alarm import Suspicion
from voice_helper.voices import NoVoice
from voice_helper.voices.pyttsx3 import Pyttsx3Voice

pytestmark = pytest.mark.slow

CRAMP = "I have a cramp now Step by step through it"
PHONE = {"width": 320, "height": 640}
_PLAYER = "async () => { const { player } = await import('/app.js'); return %s; }"
_SHOWN = """
() => {
  const state = document.querySelector("#state");
  window.shown = [];
  new MutationObserver(() => shown.push(state.textContent)).observe(state, { childList: true, subtree: true });
}
"""
_CAPTURED = """
async ([rate, low, high]) => {
  const context = new OfflineAudioContext(1, rate, rate);
  await context.audioWorklet.addModule("capture.js");
  const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 1, outputChannelCount: [1] });
  const samples = [];
  capture.port.onmessage = ({ data }) => samples.push(...new Int16Array(data.sound));
  for (const frequency of [low, high]) {
    const tone = new OscillatorNode(context, { frequency });
    tone.connect(new GainNode(context, { gain: 0.25 })).connect(capture);
    tone.start();
  }
  capture.connect(context.destination);
  await context.startRendering();
  await new Promise((resolve) => setTimeout(resolve, 100));
  return samples;
}
"""
OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


def with_microphone(playwright: Playwright, microphone: Path, *more: str) -> Browser:
    """Return the browser of this machine, with a microphone that plays an audio file once."""
    sound = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}%noloop")
    return launched(playwright, *sound, *more)


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Yield a browser whose microphone plays a question."""
    browser = with_microphone(
        playwright, recording("put_heat_on_it"), "--host-resolver-rules=MAP helper.test 127.0.0.1"
    )
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def address(skill: Skill, voice: Pyttsx3Voice) -> Iterator[str]:
    with serving(skill, voice) as address:
        yield address


@pytest.fixture(scope="module")
def silent_address(skill: Skill) -> Iterator[str]:
    """Yield the address of a server without a voice, so that speech takes no time."""
    with serving(skill, NoVoice()) as address:
        yield address


@dataclass
class Opened:
    """The open pages, and the errors that occurred in them."""

    contexts: list[BrowserContext] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def page(self, browser: Browser, address: str, *, microphone: bool = False, **settings: Any) -> Page:
        """Open a page in a new browser profile, by default on a phone in dark mode."""
        context = browser.new_context(**{"viewport": PHONE, "color_scheme": "dark", **settings})
        self.contexts.append(context)
        context.set_default_timeout(1_000 * PATIENCE_SECONDS)
        if microphone:
            context.grant_permissions(["microphone"], origin=address)
        page = context.new_page()
        page.on("console", lambda said: self.faults.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda asked: None if self._is_ours(asked.url, address) else self.faults.append(asked.url))
        page.goto(address)
        return page

    def _is_ours(self, url: str, address: str) -> bool:
        address = address.partition("/#")[0]
        return url.startswith((address, f"ws{address.removeprefix('http')}"))

    def close(self) -> None:
        """Close the pages. Fail if any error occurred."""
        for context in self.contexts:
            context.close()
        assert [fault for fault in self.faults if not any(part in fault for part in self.expected)] == []


@pytest.fixture
def opened() -> Iterator[Opened]:
    opened = Opened()
    yield opened
    opened.close()


@pytest.fixture
def open_page(opened: Opened, browser: Browser, address: str) -> OpenPage:
    return lambda **settings: opened.page(browser, address, **settings)


def of_player(page: Page, what: str) -> float:
    """Return a value of the page's loudspeaker."""
    return float(page.evaluate(_PLAYER % what))


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def ask(page: Page, text: str) -> Locator:
    """Type a question, and return the answer."""
    before = page.locator(".exchange").count()
    page.get_by_label("Type your question").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator(".exchange")).to_have_count(before + 1)
    return page.locator(".exchange").last


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id"))


# Speaking


def test_a_spoken_question_is_answered_with_its_labels_and_aloud(open_page: OpenPage) -> None:
    page = open_page(microphone=True)
    page.evaluate(_SHOWN)
    button(page, "Hold and speak").click()
    answer = page.locator(".exchange")
    expect(answer.locator(".heard")).to_contain_text("should i put heat on it")
    assert any(text.startswith("“should i") for text in page.evaluate("shown"))  # during the utterance
    expect(answer.locator(".row.article .kind")).to_have_text("From the article")
    expect(answer.locator(".row.safety .kind")).to_have_text("Safety")
    expect(answer.locator(".row.safety .source")).to_contain_text("NHS")
    expect(answer.locator(".row.article")).to_have_class(re.compile("is-said"))
    page.wait_for_function(_PLAYER % "player.loudest > 0.05")
    page.wait_for_function(_PLAYER % "player.playedSamples > 16000")
    assert not page.evaluate("document.body.classList.contains('is-hearing')")  # the microphone was released


def test_the_space_bar_is_held_to_speak(open_page: OpenPage) -> None:
    page = open_page(microphone=True)
    page.keyboard.down(" ")
    expect(page.locator("#talk-label")).to_have_text("Listening")
    expect(page.locator("#state")).to_have_text(re.compile("heat on it"))
    page.wait_for_timeout(1300)
    expect(page.locator(".exchange")).to_have_count(0)  # releasing the key ends the utterance
    page.keyboard.up(" ")
    expect(page.locator(".heard")).to_contain_text("should i put heat on it")
    expect(page.locator("#talk-label")).to_have_text("Hold and speak")


def test_a_spoken_stop_ends_the_session_while_it_speaks(
    playwright: Playwright, opened: Opened, address: str, tmp_path: Path
) -> None:
    sound = write_pcm(tmp_path / "stop.wav", silence(1.2) + recorded("stop") + silence(3))
    browser = with_microphone(playwright, sound)
    try:
        page = opened.page(browser, address, microphone=True)
        button(page, CRAMP).click()
        expect(page.locator("#state")).to_have_text("Listening. Say any of these words.")
        expect(page.locator("#state")).to_have_text("The session is over.")
        expect(button(page, CRAMP)).to_be_visible()
        assert of_player(page, "player.isPlaying ? 1 : 0") == 0
        page.context.close()
        opened.contexts.clear()
    finally:
        browser.close()


def test_without_a_microphone_the_page_says_so_and_buttons_control_the_session(open_page: OpenPage) -> None:
    page = open_page()
    button(page, "Hold and speak").click()
    expect(page.locator("#state")).to_contain_text("There is no microphone, or it is not allowed.")
    button(page, CRAMP).click()
    expect(page.locator("#state")).to_have_text("I cannot hear you here. Use the buttons.")


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_the_pages_audio_is_16_khz_from_any_device(open_page: OpenPage, rate: int) -> None:
    page = open_page()
    high = 0.45 * rate  # it must not alias to another tone
    samples = np.array(page.evaluate(_CAPTURED, [rate, 1_000, high]), dtype=np.float64)
    assert len(samples) % CHUNK_SAMPLES == 0
    assert abs(len(samples) / SAMPLE_RATE - 1.0) < 2 * CHUNK_SAMPLES / SAMPLE_RATE
    power = np.square(np.abs(np.fft.rfft(samples[2_000:12_000] * np.hanning(10_000))))
    hertz = np.fft.rfftfreq(10_000, 1 / SAMPLE_RATE)
    wanted = abs(hertz - 1_000) < 20
    if high < SAMPLE_RATE / 2:
        wanted |= abs(hertz - high) < 20
    assert 10 * np.log10(power[wanted].sum() / power[~wanted].sum()) > 60
    assert 0.24 < np.abs(samples[2_000:]).max() / 32768 < 0.52


# Typing and buttons


def test_a_session_can_be_controlled_by_buttons(open_page: OpenPage) -> None:
    page = open_page()
    button(page, CRAMP).click()
    expect(page.locator("#step")).to_have_text("Step 1 of 6")
    expect(page.locator("#said .now")).to_contain_text("Sit or lie somewhere safe.")
    button(page, "Next").click()
    expect(page.locator("#step")).to_have_text("Step 2 of 6")
    button(page, "Foot").click()
    expect(page.locator("#said .now")).to_contain_text("Sit on the edge of the bed.")
    button(page, "Wait").click()
    expect(button(page, "Continue")).to_be_visible()
    button(page, "Next").click()
    button(page, "Stop").click()
    expect(page.locator("#state")).to_have_text("The session is over.")
    expect(page.locator("#session")).to_be_hidden()


def test_the_last_sentences_of_a_session_stay_visible(open_page: OpenPage) -> None:
    page = open_page()
    button(page, CRAMP).click()
    button(page, "Worse").click()
    row = page.locator(".exchange .row.safety")
    expect(row).to_contain_text("I will end here. Get urgent medical advice now. I cannot call for you.")
    expect(row).to_be_in_viewport()
    expect(page.locator(".exchange .row")).to_have_count(1)


def test_the_ring_counts_down_the_remaining_seconds(opened: Opened, browser: Browser, silent_address: str) -> None:
    page = opened.page(browser, silent_address)
    button(page, CRAMP).click()
    seconds = page.get_by_role("timer").locator("b")
    expect(seconds).to_have_text("19")
    expect(seconds).to_have_text("18")
    left = float(str(page.locator("#ring-left").get_attribute("stroke-dasharray")).split()[0])
    assert 17 / 20 < left <= 18 / 20


def test_an_emergency_comes_first_and_ends_the_session(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, "does heat help")
    alarm = ask(page, "my chest hurts and i can't breathe")
    expect(alarm).to_have_class(re.compile("alarm"))
    expect(alarm).to_contain_text("Call 112 now. I cannot call for you.")
    call = alarm.get_by_role("link", name="Call 112")
    expect(call).to_have_attribute("href", "tel:112")
    expect(call).to_be_in_viewport()
    expect(page.locator("footer a[href='tel:112']")).to_be_visible()
    shown = page.locator("body").inner_text().casefold()
    assert "emergency_" not in shown
    assert "dvt" not in shown


def test_typed_text_is_shown_literally(open_page: OpenPage) -> None:
    page = open_page()
    answer = ask(page, "<img src=x onerror=alert(1)> does heat help </script>")
    expect(answer.locator(".heard")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator("main img")).to_have_count(0)


def test_the_page_works_with_the_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the question"
    page.keyboard.press("Enter")
    page.keyboard.type("does heat help")
    page.keyboard.press("Enter")
    expect(page.locator(".exchange")).to_have_count(1)
    expect(button(page, "Be quiet")).to_be_visible()
    page.keyboard.press("Escape")
    expect(button(page, "Be quiet")).to_be_hidden()
    page.keyboard.press("Shift+Tab")
    for _ in range(10):
        if focused(page) == "What can I say?":
            break
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="What can I say?")).to_be_visible()
    assert focused(page) == "A cramp right now"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#step")).to_have_text("Step 1 of 6")
    assert focused(page).startswith("Guided session")
    for _ in range(20):
        if focused(page) == "Stop":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("The session is over.")
    assert focused(page) == "Hold and speak"


def test_the_voice_can_be_turned_off_during_an_answer(open_page: OpenPage) -> None:
    page = open_page()
    voice = button(page, "Voice")
    voice.click()
    expect(voice).to_have_attribute("aria-pressed", "false")
    ask(page, "does heat help")
    page.wait_for_function(_PLAYER % "player.playedSamples > 16000")
    assert of_player(page, "player.loudest") == 0


# Accessibility


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_no_view_has_accessibility_problems_at_phone_width(open_page: OpenPage, colours: str) -> None:
    page = open_page(color_scheme=colours, reduced_motion="reduce")
    look(page)
    ask(page, "are bananas good for cramps")
    ask(page, "my chest hurts")
    look(page)
    button(page, "What can I say?").click()
    page.locator("summary").first.click()
    look(page)
    button(page, "Close").click()
    page.reload()
    button(page, CRAMP).click()
    expect(page.locator("#said .now")).to_be_visible()
    look(page)


def look(page: Page) -> None:
    """Check the automatic accessibility rules, that the disclaimer is visible, and that nothing is cut off."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    if not page.locator("dialog[open]").count():
        expect(page.locator(".disclaimer")).to_be_in_viewport(ratio=0.99)


def test_the_disclaimer_stays_visible_at_four_times_the_size(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 320, "height": 256})
    ask(page, "does heat help")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    expect(page.locator(".disclaimer")).to_be_in_viewport(ratio=0.99)


def test_nothing_moves_if_the_user_prefers_reduced_motion(open_page: OpenPage) -> None:
    page = open_page(reduced_motion="reduce")
    ask(page, "does heat help")
    moving = "document.getAnimations().filter((each) => each.playState === 'running').length"
    assert page.evaluate(moving) == 0


# The network


def test_the_installed_page_opens_without_a_network_and_says_that_the_server_does_not_respond(
    opened: Opened, open_page: OpenPage
) -> None:
    page = open_page()
    page.evaluate("navigator.serviceWorker.ready")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    installing = page.context.new_cdp_session(page).send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {error["errorId"] for error in installing} <= {"in-incognito"}
    opened.expected = ["ERR_INTERNET_DISCONNECTED", "Failed to fetch"]
    page.context.set_offline(True)
    page.reload()
    expect(button(page, CRAMP)).to_be_visible()
    page.get_by_label("Type your question").fill("does heat help")
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_contain_text("cannot be reached")


def test_from_another_machine_the_page_asks_for_the_token_once_and_has_no_microphone_without_https(
    opened: Opened, browser: Browser, skill: Skill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voice_helper.servers.web.app.WRONG_TOKEN_SECONDS", 0.0)
    with serving(skill, NoVoice(), host="0.0.0.0", token="good-word") as address:
        page = opened.page(browser, address.replace("127.0.0.1", "helper.test"))
        for token in ("bad-word", "good-word"):  # the page asks for it immediately
            page.get_by_role("textbox", name="Token").fill(token)
            page.keyboard.press("Enter")
            if token == "bad-word":
                expect(page.get_by_role("alert")).to_have_text("This token is not right.")
        expect(page.locator("#state")).to_contain_text("Browsers give a microphone to secure pages only.")
        expect(button(page, "Hold and speak")).to_be_hidden()
        ask(page, "does heat help")
        expect(page.locator(".exchange")).to_have_count(1)
        page.reload()
        ask(page, "are bananas good for cramps")
        scanned = opened.page(browser, f"{address}/#token=good-word")
        ask(scanned, "does heat help")
        assert scanned.evaluate("location.hash") == ""
        for context in opened.contexts:
            context.close()
        opened.contexts.clear()


def test_a_session_continues_at_its_step_after_an_interruption(
    opened: Opened, browser: Browser, silent_address: str
) -> None:
    page = opened.page(browser, silent_address)
    button(page, CRAMP).click()
    expect(page.locator("#step")).to_have_text("Step 2 of 6")
    instruction = page.locator("#said").inner_text()
    page.context.set_offline(True)
    expect(page.locator("#state")).to_contain_text("Reconnecting")
    assert page.locator("#said").inner_text() == instruction
    page.context.set_offline(False)
    expect(page.get_by_role("timer")).to_be_visible()
    expect(page.locator("#step")).to_have_text("Step 2 of 6")
    button(page, "Stop").click()
    expect(page.locator("#state")).to_have_text("The session is over.")


def test_if_the_server_has_dropped_the_session_its_last_sentences_stay(
    opened: Opened, browser: Browser, skill: Skill
) -> None:
    with listening_socket("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    opened.expected = ["ERR_CONNECTION_REFUSED"]
    with serving(skill, NoVoice(), port=port) as address:
        page = opened.page(browser, address)
        button(page, CRAMP).click()
        expect(page.locator("#step")).to_have_text("Step 2 of 6")
    expect(page.locator("#state")).to_contain_text("Reconnecting")
    with serving(skill, NoVoice(), port=port):
        expect(page.locator("#state")).to_contain_text("the session could not go on")
        expect(page.locator(".last-words")).to_contain_text("Straighten your leg.")
        page.context.close()
        opened.contexts.clear()


# Layout


@pytest.mark.parametrize("size", [(320, 568), (640, 400), (1280, 800)])
def test_the_current_sentence_of_a_session_is_not_covered_and_the_buttons_have_equal_height(
    open_page: OpenPage, size: tuple[int, int]
) -> None:
    page = open_page(viewport={"width": size[0], "height": size[1]})
    button(page, CRAMP).click()
    expect(page.get_by_role("timer")).to_be_visible()
    now, footer = page.locator("#said .now"), page.locator("footer")
    expect(now).to_have_text("Hold for twenty seconds, then let go.")
    covered = "([now, footer]) => now.getBoundingClientRect().bottom > footer.getBoundingClientRect().top"
    wait_until(lambda: not page.evaluate(covered, [now.element_handle(), footer.element_handle()]))
    heights = page.locator("#steering button:visible:not(#stop button)").evaluate_all(
        "(buttons) => buttons.map((each) => each.offsetHeight)"
    )
    assert len(set(heights)) == 1


@pytest.mark.parametrize("size", [(320, 568), (640, 400)])
def test_the_microphone_and_the_cramp_button_are_visible_at_first_and_after_an_answer(
    open_page: OpenPage, size: tuple[int, int]
) -> None:
    page = open_page(viewport={"width": size[0], "height": size[1]})
    expect(button(page, CRAMP)).to_be_in_viewport(ratio=0.99)
    expect(button(page, "Hold and speak")).to_be_in_viewport(ratio=0.99)
    ask(page, "does heat help")
    expect(button(page, "I have a cramp now")).to_be_in_viewport(ratio=0.99)
    expect(button(page, "Hold and speak")).to_be_in_viewport(ratio=0.99)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_the_title_leads_home_and_the_cramp_button_starts_from_an_answer(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, "does heat help")
    page.get_by_role("button", name="Back to the start").click()
    expect(page.locator(".exchange")).to_have_count(0)
    expect(button(page, CRAMP)).to_be_focused()
    ask(page, "does heat help")
    button(page, "I have a cramp now").click()
    expect(page.locator("#step")).to_contain_text("Step")


def test_a_possible_sign_of_danger_shows_a_card_without_taking_over_the_page(
    opened: Opened, browser: Browser, skill: Skill
) -> None:
    thresholds = skill.understanding.thresholds
    unsure = Suspicion((thresholds.alarm_certain + thresholds.alarm_possible) / 2 + 0.01, 0.9)
    judge = SimpleNamespace(suspicion=lambda text: unsure if "swimming" in text else Suspicion(-20.0, 0.9))
    with serving(skill, NoVoice(), alarm=judge) as address:
        page = opened.page(browser, address)
        card = ask(page, "everything is swimming")
        expect(card).to_have_class(re.compile("possible"))
        expect(card).to_contain_text("If this is an emergency, call 112 now.")
        expect(card.locator("a[href='tel:112']")).to_have_text("Call 112")
        page.reload()
        button(page, CRAMP).click()
        expect(page.locator("#step")).to_have_text("Step 2 of 6")
        page.evaluate(
            "(text) => document.querySelector('[data-says=next]').dataset.says = text", "everything is swimming"
        )
        button(page, "Next").click()
        expect(page.locator("#warning")).to_contain_text("If this is an emergency, call 112 now.")
        expect(page.locator("#warning a[href='tel:112']")).to_be_visible()
        expect(page.locator("#said")).to_contain_text("Straighten your leg.")
        page.context.close()
        opened.contexts.clear()


@pytest.mark.parametrize(
    ("number", "dialled"),
    [
        ("112", "112"),
        ("+44 20-7946 0000", "+442079460000"),
        ("your local emergency number", None),
        ("112 or 911", None),
    ],
)
def test_a_number_is_dialled_only_if_a_phone_can_dial_it(number: str, dialled: str | None) -> None:
    assert dialled_number(number) == dialled
