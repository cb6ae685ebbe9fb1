"""What an Airflow AWS connection says, in the words of obstore and of PyIceberg."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from airflow_cv_dataops.core.errors import ConfigurationError

_Result = TypeVar("_Result")


class S3Access:
    """What an Airflow AWS connection says, in the words of obstore and of PyIceberg."""

    def __init__(self, credentials: Any, region: str | None, endpoint: str | None, path_style: bool) -> None:
        self._credentials = credentials
        self._region = region
        self._endpoint = endpoint
        self._path_style = path_style

    @classmethod
    def of(cls, aws_conn_id: str | None) -> S3Access:
        """Resolve a connection through the Amazon provider; ``None`` means the worker's default credentials."""
        aws_hook, _ = _amazon()
        return cls._from_hook(aws_hook(aws_conn_id=aws_conn_id, client_type="s3"))

    @classmethod
    async def aof(cls, aws_conn_id: str | None) -> S3Access:
        """Resolve a connection from inside a trigger: the lookup is asynchronous, AWS is asked from a thread."""
        from airflow.providers.common.compat.connection import get_async_connection

        # The first import of the Amazon provider takes half a second and more, which no other trigger should wait for.
        aws_hook, wrapper = await in_thread(_amazon)
        hook = aws_hook(aws_conn_id=aws_conn_id, client_type="s3")
        if aws_conn_id:
            # The hook's own lookup (a cached property) is synchronous; it is answered here before it is asked.
            hook.conn_config = await in_thread(wrapper, await get_async_connection(aws_conn_id))
        return await in_thread(cls._from_hook, hook)

    @classmethod
    def _from_hook(cls, hook: Any) -> S3Access:
        config = hook.conn_config
        addressing = ((config.extra_config or {}).get("config_kwargs") or {}).get("s3", {}).get("addressing_style")
        endpoint = config.get_service_endpoint_url("s3")
        path_style = addressing == "path" or (addressing is None and endpoint is not None)
        if hook.get_session().get_credentials() is None:
            raise ConfigurationError(f"AWS connection {hook.aws_conn_id!r} gives no credentials, and this machine has no default ones.")
        return cls(hook.get_credentials(), hook.region_name, endpoint, path_style)

    def for_obstore(self, catalog_properties: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return obstore's S3 options; an endpoint among the catalog's properties wins over the connection's."""
        endpoint, path_style = self._endpoint, self._path_style
        if own := (catalog_properties or {}).get("s3.endpoint"):
            # PyIceberg's default: virtual addressing only where it is asked for.
            endpoint, path_style = own, (catalog_properties or {}).get("s3.force-virtual-addressing", "false").lower() != "true"
        options = {
            "access_key_id": self._credentials.access_key,
            "secret_access_key": self._credentials.secret_key,
            "session_token": self._credentials.token,
            "region": self._region or "us-east-1",
            "endpoint": endpoint,
        }
        if endpoint:
            options["virtual_hosted_style_request"] = str(not path_style).lower()
        return {name: value for name, value in options.items() if value}

    def for_pyiceberg(self) -> dict[str, str]:
        """Return PyIceberg's properties."""
        properties = {
            "s3.access-key-id": self._credentials.access_key,
            "s3.secret-access-key": self._credentials.secret_key,
            "s3.session-token": self._credentials.token,
            "s3.region": self._region or "us-east-1",
            "s3.endpoint": self._endpoint,
            "s3.force-virtual-addressing": None if not self._endpoint else str(not self._path_style).lower(),
            "client.access-key-id": self._credentials.access_key,
            "client.secret-access-key": self._credentials.secret_key,
            "client.session-token": self._credentials.token,
            "client.region": self._region or "us-east-1",
        }
        return {name: value for name, value in properties.items() if value}


async def in_thread(function: Callable[..., _Result], *arguments: Any) -> _Result:
    """Run what masks secrets outside of the event loop.

    Masking is a synchronous message to the triggerer's supervisor: it must not be sent from the loop's own thread, and on
    Airflow 3.1 not from a plain thread (``asyncio.to_thread``) either, which knows nothing of the loop that has the socket.
    """
    from asgiref.sync import sync_to_async

    return await sync_to_async(function, thread_sensitive=False)(*arguments)


def _amazon() -> tuple[type, type]:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

    return AwsGenericHook, AwsConnectionWrapper
