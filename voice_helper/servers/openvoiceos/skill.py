"""The OpenVoiceOS skill. OpenVoiceOS passes utterances to the skill, and the conversation core determines the answer.

OpenVoiceOS loads the skill through its entry point. An utterance reaches the skill if it matches a sentence in the
locale files, if it continues a conversation (converse), or if no skill has claimed it with high confidence and it names
the subject or an emergency (fallback).
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
from voice_helper.support.settings import callable_number, read_settings

FALLBACK_PRIORITY: Final = 4
"""The priority among fallback skills.

OpenVoiceOS asks this skill after high-confidence matches of other skills, but before low-confidence ones.
"""

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
    """Answers questions about leg cramps, and guides the user through a cramp.

    Settings: `number` is the emergency number to name. `language` is a folder in `intents/`.
    """

    _talks: ChatSessions
    _opened_with: tuple[str, str] | None = None
    """The language and the emergency number for which the content was loaded."""

    @classproperty
    def runtime_requirements(self) -> RuntimeRequirements:
        """Return no requirements: the skill needs no internet, network or screen."""
        return _OFFLINE

    @property
    def language(self) -> str:
        """Return the language of the intents folder in use, such as `en`."""
        return str(self.settings.get("language") or _LANGUAGE)

    @property
    def native_langs(self) -> list[str]:
        """Return the OpenVoiceOS languages that the intents folder covers, such as `en-US` and `en-GB`."""
        return [lang for lang in super().native_langs if self._has_words_for(lang)]

    def load_data_files(self, root_directory: str | None = None) -> None:
        """Load the locale files that were generated from the intents folder."""
        self.res_dir = str(locale_folder(self.language))
        super().load_data_files(root_directory)

    def initialize(self) -> None:
        """Load everything in advance, so that the first question is answered without delay."""
        self._open()
        for path in sorted(Path(self.res_dir).glob("locale/*/*.intent")):
            self.register_intent_file(path.name, self.handle_intent)
        self.register_fallback(self.handle_fallback, FALLBACK_PRIORITY)
        self.settings_change_callback = self._open

    def _open(self) -> None:
        """Load the content for the current settings. Changes to other settings do not interrupt a conversation."""
        number = callable_number(self.settings.get("number")) or self._own_number()
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
        """Return the emergency number from the program's own settings, or an empty string."""
        try:
            return callable_number(read_settings(settings_file()).get("number")) or ""
        except SettingsError as error:
            self.log.warning(error.message)
            return ""

    # Utterances

    def handle_intent(self, message: Message) -> None:
        """Answer an utterance that matches a sentence of the locale files. The name of the matched intent is
        ignored.
        """
        self._answer(message)

    def can_converse(self, message: Message) -> bool:
        """Return whether an utterance continues a conversation."""
        return self._has_words_for(self.lang) and self._talks.is_ours(_talk(message), _text(message))

    def converse(self, message: Message) -> bool:
        """Answer an utterance that `can_converse` accepted. Always return true."""
        self._answer(message)
        return True

    def can_answer(self, message: Message) -> bool:
        """Return whether an utterance that no skill has claimed with high confidence is meant for this skill."""
        return self._has_words_for(self.lang) and self._talks.is_ours(_talk(message), _text(message), is_last=True)

    def handle_fallback(self, message: Message) -> bool:
        """Answer an utterance that `can_answer` accepted. Always return true."""
        self.activate()  # OpenVoiceOS then asks this skill first about the next utterance
        self._answer(message)
        return True

    def _answer(self, message: Message) -> None:
        reply = self._talks.say(_talk(message), _text(message))
        if reply.text:
            self.speak(reply.text, expect_response=reply.expects_words)

    def _has_words_for(self, lang: str) -> bool:
        return lang.partition("-")[0].lower() == self.language

    # Stopping

    def can_stop(self, message: Message) -> bool:
        """Return whether "stop" is meant for this skill. It is if a guided session is running, the skill is waiting for
        an answer, or its reply is playing.
        """
        session = SessionManager.get(message)
        return self._talks.is_going_on(session.session_id) or self._is_being_spoken(session)

    def stop_session(self, session: Session) -> bool:
        """Silently end the conversation of one session. Return whether there was anything to stop."""
        return self._talks.stop(session.session_id) or self._is_being_spoken(session)

    def _is_being_spoken(self, session: Session) -> bool:
        """Return whether the skill's reply is playing.

        OpenVoiceOS stops speaking only if the skill that is speaking claims the "stop".
        """
        return bool(session.is_speaking) and self._talks.has_just_spoken(session.session_id)

    def stop(self) -> bool:
        """End every conversation, unless the request is for one session. Return whether there was anything to stop.

        For a request for one session, OpenVoiceOS has already called `stop_session`.
        """
        message = dig_for_message()
        if message is not None and "session" in message.context:
            return False
        return hasattr(self, "_talks") and self._talks.stop_all()


def locale_folder(language: str) -> Path:
    """Return the folder with the locale files of a language: from the wheel, or generated for a checkout.

    Raises `IntentsError` or `VoiceHelperError` if the files cannot be generated.
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
    """Return the utterance. Intent messages hold it in `utterance`, others as the first item of `utterances`."""
    data: dict[str, Any] = message.data
    return str(data.get("utterance") or next(iter(data.get("utterances") or ()), ""))
