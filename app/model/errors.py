"""Everything that can go wrong, as one tree; the command line maps it to exit codes.

SightlineError
├── SettingsError                    a setting or a dataset.toml that cannot be used
├── SourceError                      a file or a row; in an ingest it becomes a Skip
├── EmbeddingError                   which model, and how to get its weights
├── CollectionError
│   ├── CollectionMissingError       → the ingest command that would make it
│   ├── CollectionMismatchError      → both fingerprints, and the command that rebuilds
│   ├── CollectionForeignError       of another program: never touched → another name
│   └── CollectionBusyError          → the pid that holds it
│       └── CollectionChangedError   made again by another process since it was found
├── QueryError                       a bad filter, an empty query, an unknown field
├── AnswerError                      what a model wrote is not what it was asked for, twice
└── ServiceUnavailableError          Qdrant or Ollama: its URL, and how to start it
    └── ModelMissingError            → ollama pull …
"""


class SightlineError(Exception):
    """A failure that a person can act on: the message names the thing, the fact, the next step."""

    code = "error"


class SettingsError(SightlineError):
    """A setting, an option or a dataset.toml cannot be used as it stands."""

    code = "settings"


class SourceError(SightlineError):
    """A file or a row cannot be read; `code` is stable and says in which way."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["SourceError"], tuple[str, str]]:
        """Come whole from one process to another."""
        return type(self), (self.code, str(self))


class EmbeddingError(SightlineError):
    """A model cannot be loaded, or gave something that is no vector."""

    code = "embedding"


class CollectionError(SightlineError):
    """A collection cannot be used."""

    code = "collection"


class CollectionMissingError(CollectionError):
    """No collection has this name."""

    code = "collection_missing"


class CollectionMismatchError(CollectionError):
    """The collection was built with other models or settings than those asked for now."""

    code = "collection_mismatch"


class CollectionForeignError(CollectionError):
    """A collection of this name belongs to another program."""

    code = "collection_foreign"


class CollectionBusyError(CollectionError):
    """Another process holds the collection."""

    code = "collection_busy"


class CollectionChangedError(CollectionBusyError):
    """Another process has removed the collection, or made it again, since it was found."""


class QueryError(SightlineError):
    """A query, a filter or a picture to search with cannot be used."""

    code = "query"


class AnswerError(SightlineError):
    """A model answered, twice, but not in the form that it was asked for."""

    code = "answer"


class ServiceUnavailableError(SightlineError):
    """A service that was asked for does not answer, or broke off."""

    code = "service_unavailable"


class ModelMissingError(ServiceUnavailableError):
    """The service answers, but does not have the model."""

    code = "model_missing"
