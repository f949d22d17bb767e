"""What answers: served endpoints and weight-free baselines."""

from clueplus.models.base import Answer, Decoding, Model, Request, RequestFailedError
from clueplus.models.baselines import BASELINES, BaselineModel, Example, Pool
from clueplus.models.pool import EndpointModel

__all__ = [
    "BASELINES",
    "Answer",
    "BaselineModel",
    "Decoding",
    "EndpointModel",
    "Example",
    "Model",
    "Pool",
    "Request",
    "RequestFailedError",
]
