"""Puts the locale files of the OpenVoiceOS skill into the wheel, made from `intents/` while it is built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LocaleFiles(BuildHookInterface[Any]):
    """Makes the files anew for every wheel, so that they are never older than the sentences."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files; an editable install makes its own when the skill starts."""
        if version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root))
        try:
            from voice_helper.exports.folder import write_folder
            from voice_helper.exports.openvoiceos import locale_files
        finally:
            sys.path.remove(str(root))
        made = root / "build" / "openvoiceos"
        write_folder(made, locale_files(root / "intents" / "en"))
        build_data["force_include"][str(made / "locale")] = "voice_helper/data/openvoiceos/locale"
