"""Chooses the models that one request can find: by its key, and by its URL."""

from typing import cast

from litestar.datastructures import State
from litestar.types import Scope

from shim.http.auth import client_of
from shim.http.model_prefix import IN_SCOPE
from shim.serving.models import Models


def visible_models(state: State, scope: Scope) -> Models:
    """Return the models of the application with *state* that the request of *scope* may use.

    If its URL names a model, only that one can be found. Without a key, errors list no names.
    """
    models: Models = state.models
    client = client_of(scope)
    if client is None:
        models = models.unlisted()
    elif client.models is not None:
        models = models.only(client.models)
    named = cast("str | None", scope.get(IN_SCOPE))
    return models if named is None else models.pinned(named)
