"""How PyIceberg reads and writes a table's files on S3: as PyArrow does, save for deleting. PyIceberg imports it by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.io.pyarrow import PyArrowFileIO  # noqa: TID253 (only PyIceberg imports this module)

from airflow_cv_dataops.core.store.remote import opened, said
from airflow_cv_dataops.core.store.uris import parts_of, told_uri

if TYPE_CHECKING:
    from pyiceberg.io import InputFile, OutputFile

_OPTIONS = {
    "s3.endpoint": "endpoint",
    "s3.region": "region",
    "s3.access-key-id": "access_key_id",
    "s3.secret-access-key": "secret_access_key",
    "s3.session-token": "session_token",
    "s3.force-virtual-addressing": "virtual_hosted_style_request",
}


class TableFiles(PyArrowFileIO):
    """Deletes an object and nothing else.

    PyArrow, after each file that it deletes, writes an empty object ``…/metadata/``, so that the folder seems to stay. A commit that
    lost a race deletes the files of its first attempt. That object is one too many in every bucket, and a server that keeps keys as
    files (rclone's) takes it for a file in the place of the folder, and finds the table's metadata no more.
    """

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Delete one object; one that is not there is none. :raises OSError: it cannot be deleted."""
        import obstore

        uri = location if isinstance(location, str) else location.location
        options = {option: self.properties[name] for name, option in _OPTIONS.items() if self.properties.get(name)}
        scheme, bucket, key = parts_of(uri)
        try:
            obstore.delete(opened(f"{scheme}://{bucket}", options), key)
        except (obstore.exceptions.BaseError, OSError) as error:
            raise OSError(f"Cannot delete {told_uri(uri)}: {said(error)}") from error
