"""Open the embedded recognizer, in this process or in several, and check that its packages load."""

from __future__ import annotations

from voice_helper.recognizers import EngineRequest, OpenedRecognizer
from voice_helper.recognizers.embedded.network import PhoneNetwork
from voice_helper.recognizers.embedded.shared_models import EmbeddedModels
from voice_helper.recognizers.embedded.word_search import import_search
from voice_helper.recognizers.embedded.workers import EmbeddedWorkers


def open_engine(request: EngineRequest) -> OpenedRecognizer:
    """Load the models, which all recognizers of this engine share."""
    models: EmbeddedModels | EmbeddedWorkers
    models = EmbeddedWorkers(request.phrases, request.workers) if request.workers else EmbeddedModels(request.phrases)
    return OpenedRecognizer(models.recognizer(), models.recognizer)


def check() -> str:
    """Load the packages of the embedded recognizer and return a description of them for `doctor`.

    Raises `EngineMissingError`.
    """
    PhoneNetwork()
    import_search()
    return "hama's network in numpy, and kaldi-decoder; nothing to download"
