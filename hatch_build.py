"""Add the locale files of the OpenVoiceOS skill to the wheel, generated from `intents/` during the build."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LocaleFiles(BuildHookInterface[Any]):
    """Generates the locale files for every wheel, so that they are never older than the sentences."""

    _made: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate the files. In an editable install, the skill generates them when it starts."""
        if version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root))
        try:
            from voice_helper.exporters.folder import write_folder
            from voice_helper.exporters.openvoiceos import locale_files
        finally:
            sys.path.remove(str(root))
        self._made = Path(tempfile.mkdtemp(prefix="voice-helper-locale-"))
        write_folder(self._made, locale_files(root / "intents" / "en"))
        build_data["force_include"][str(self._made / "locale")] = "voice_helper/data/openvoiceos/locale"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary files, because the wheel now contains them."""
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)
