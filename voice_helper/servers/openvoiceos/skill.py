"""The skill for OpenVoiceOS: what it hears is handed over here by turns, what is answered is decided by our own core.

OpenVoiceOS loads it by its entry point. Words reach it in three ways: they match a sentence of its locale files, they
go on with a talk (converse), or no skill has claimed them surely and they name our subject or an emergency (fallback).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

from ovos_bus_client.message import Message, dig_for_message
from ovos_bus_client.session import Session, SessionManager
from ovos_utils import classproperty
from ovos_utils.process_utils import RuntimeRequirements
from ovos_workshop.skills.converse import ConversationalSkill
from ovos_workshop.skills.fallback import FallbackSkill

from voice_helper.content.files import read_files
from voice_helper.errors import SettingsError
from voice_helper.exporters import openvoiceos
from voice_helper.exporters.folder import write_folder
from voice_helper.exporters.openvoiceos import locale_files, subject_of
from voice_helper.servers.chat_sessions import ChatSessions
from voice_helper.skill import open_skill
from voice_helper.support.paths import cache_folder, data_folder, intents_folder, settings_file
from voice_helper.support.settings import read_settings

FALLBACK_PRIORITY: Final = 4
"""High: asked before the surmises of other skills, but after what matches one of theirs surely."""

_LANGUAGE: Final = "en"
_OFFLINE: Final = RuntimeRequirements(
    internet_before_load=False,
    network_before_load=False,
    gui_before_load=False,
    requires_internet=False,
    requires_network=False,
    requires_gui=False,
    no_internet_fallback=True,
    no_network_fallback=True,
    no_gui_fallback=True,
)


class VoiceHelperSkill(FallbackSkill, ConversationalSkill):
    """Answers questions about leg cramps, and guides through one.

    Settings: `number`, the emergency number it names, and `language`, a folder of `intents/`.
    """

    _talks: ChatSessions
    _opened_with: tuple[str, str] | None = None
    """Language and number."""

    @classproperty
    def runtime_requirements(self) -> RuntimeRequirements:
        """Nothing: no internet, no network, no screen."""
        return _OFFLINE

    @property
    def language(self) -> str:
        """The language of our words: `en`."""
        return str(self.settings.get("language") or _LANGUAGE)

    @property
    def native_langs(self) -> list[str]:
        """Those languages of OpenVoiceOS that we have words for: `en-US`, `en-GB`."""
        return [lang for lang in super().native_langs if self._has_words_for(lang)]

    def load_data_files(self, root_directory: str | None = None) -> None:
        """Take the locale files that were made for our words."""
        self.res_dir = str(locale_folder(self.language))
        super().load_data_files(root_directory)

    def initialize(self) -> None:
        """Get everything ready, so that the first question is not waited for."""
        self._open()
        for path in sorted(Path(self.res_dir).glob("locale/*/*.intent")):
            self.register_intent_file(path.name, self.handle_intent)
        self.register_fallback(self.handle_fallback, FALLBACK_PRIORITY)
        self.settings_change_callback = self._open

    def _open(self) -> None:
        """Open our words with the settings; a talk that goes on when other settings change is not disturbed."""
        number = str(self.settings.get("number") or "") or self._own_number()
        if self._opened_with == (self.language, number):
            return
        settings = {"number": number} if number else {}
        skill = open_skill(self.language, settings=settings, announce=self.log.warning)
        subject = subject_of(skill.content)
        if not number:
            named = skill.content.answers.settings.get("number", "")
            self.log.warning(f'in an emergency it names "{named}"; name yours: "number" in {self.settings_path}')
        skill.understanding.nearest.rank(subject.name)  # loads the sentence model
        self._talks = ChatSessions(skill.conversation.by_turns(), subject, situation={"assistant": "on"})
        self._opened_with = (self.language, number)

    def _own_number(self) -> str:
        """Give the number that was set for the program itself."""
        try:
            return str(read_settings(settings_file()).get("number", ""))
        except SettingsError as error:
            self.log.warning(error.message)
            return ""

    # words come in

    def handle_intent(self, message: Message) -> None:
        """Answer words that match a sentence of ours; what they mean is not taken from the name of the intent."""
        self._answer(message)

    def can_converse(self, message: Message) -> bool:
        """Tell whether words go on with a talk."""
        return self._has_words_for(self.lang) and self._talks.is_ours(_talk(message), _text(message))

    def converse(self, message: Message) -> bool:
        """Answer words that go on with a talk, as `can_converse` has said; tell that they were answered."""
        self._answer(message)
        return True

    def can_answer(self, message: Message) -> bool:
        """Tell whether words that no skill has claimed surely are for us."""
        return self._has_words_for(self.lang) and self._talks.is_ours(_talk(message), _text(message), is_last=True)

    def handle_fallback(self, message: Message) -> bool:
        """Answer words that are for us, as `can_answer` has said; tell that they were answered."""
        self.activate()  # so that it is asked about the next words first
        self._answer(message)
        return True

    def _answer(self, message: Message) -> None:
        reply = self._talks.say(_talk(message), _text(message))
        if reply.text:
            self.speak(reply.text, expect_response=reply.expects_words)

    def _has_words_for(self, lang: str) -> bool:
        return lang.partition("-")[0].lower() == self.language

    # stop

    def can_stop(self, message: Message) -> bool:
        """Tell whether "stop" is for us: a session goes on, a question of ours is open, or we are being spoken."""
        session = SessionManager.get(message)
        return self._talks.is_going_on(session.session_id) or self._is_being_spoken(session)

    def stop_session(self, session: Session) -> bool:
        """End what is going on with one person, without a word; tell whether there was anything."""
        return self._talks.stop(session.session_id) or self._is_being_spoken(session)

    def _is_being_spoken(self, session: Session) -> bool:
        """OpenVoiceOS falls silent for a "stop" only where the skill that spoke says that it was for it."""
        return bool(session.is_speaking) and self._talks.has_just_spoken(session.session_id)

    def stop(self) -> bool:
        """End what is going on with everybody, unless one person's session was meant; tell whether there was anything.

        That one was asked for with `stop_session` before.
        """
        message = dig_for_message()
        if message is not None and "session" in message.context:
            return False
        return hasattr(self, "_talks") and self._talks.stop_all()


def locale_folder(language: str) -> Path:
    """Give the folder with the locale files of a language: the one in the wheel, or one made for a checkout.

    Raises `IntentsError` and `VoiceHelperError` where they cannot be made.
    """
    shipped = data_folder("openvoiceos")
    if language == _LANGUAGE and (shipped / "locale").is_dir():
        return shipped
    folder = intents_folder(language)
    digest = hashlib.sha256(Path(openvoiceos.__file__).read_bytes() + read_files(folder).key().encode())
    made = cache_folder() / f"openvoiceos-{digest.hexdigest()[:32]}"
    if not made.is_dir():
        write_folder(made, locale_files(folder))
    return made


def _talk(message: Message) -> str:
    return str(SessionManager.get(message).session_id)


def _text(message: Message) -> str:
    """Give what was heard: intents have it as `utterance`, the others as the first of several."""
    data: dict[str, Any] = message.data
    return str(data.get("utterance") or next(iter(data.get("utterances") or ()), ""))
