"""Where restricted text may go: this machine, and hosts that a data-use file names."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clueplus.errors import ClueplusError
from clueplus.files import sha256

_EXAMPLE = "for example: {who: Dr A. Example, agreement: PhysioNet DUA 1.5.0, hosts: [llm.hospital.example]}"


class DataUse(BaseModel):
    """What a user attests: who holds which agreement, and which hosts it covers beside this machine.

    `hosts` are names or addresses as they stand in the URL, with ":port" when only that port is meant.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    who: str = Field(min_length=1)
    agreement: str = Field(min_length=1)
    hosts: list[str] = Field(min_length=1)
    sha256: str = ""

    def covers(self, url: str) -> bool:
        """Whether the host of `url` is among those attested."""
        parts = urlsplit(url)
        return bool({parts.hostname, f"{parts.hostname}:{parts.port}"} & {host.casefold() for host in self.hosts})

    def record(self) -> dict[str, Any]:
        """The attestation, for the record of a run."""
        return self.model_dump()


def read_data_use(path: Path) -> DataUse:
    """The data-use file at `path` (YAML).

    Raises:
        ClueplusError: it can't be read, or a field is missing, empty or unknown.
    """
    try:
        content = path.read_bytes()
        data = yaml.safe_load(content)
        if not isinstance(data, dict) or "sha256" in data:
            raise ClueplusError(f"{path}: no data-use file: who, agreement and hosts are expected", fix=_EXAMPLE)
        return DataUse(**data, sha256=sha256(content))
    except OSError as error:
        raise ClueplusError(f"{path}: {error.strerror}", fix="--attest FILE") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ClueplusError(f"{path}: not YAML", fix=_EXAMPLE) from error
    except (ValidationError, TypeError) as error:
        fault = error.errors(include_url=False, include_input=False)[0] if isinstance(error, ValidationError) else None
        what = f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" if fault else "keys must be words"
        raise ClueplusError(f"{path}: {what}", fix=_EXAMPLE) from error


def is_loopback(url: str) -> bool:
    """Whether every address behind the host of `url` is this machine's own loopback."""
    host = urlsplit(url).hostname or ""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
        return bool(found) and all(ipaddress.ip_address(address).is_loopback for address in found)
    except (OSError, UnicodeError, ValueError):
        return False


def may_receive_restricted(url: str, data_use: DataUse | None) -> bool:
    """Whether restricted text may be sent to `url`."""
    return is_loopback(url) or (data_use is not None and data_use.covers(url))


def check_destinations(urls: Sequence[str], tasks: Sequence[str], data_use: DataUse | None) -> None:
    """Refuses endpoints that restricted text may not be sent to, before anything is.

    Args:
        urls: all endpoints of a run.
        tasks: the names of its tasks with restricted data.
        data_use: the hosts that a user attests.

    Raises:
        ClueplusError: an endpoint is neither on this machine nor attested.
    """
    for url in urls if tasks else ():
        if not may_receive_restricted(url, data_use):
            raise ClueplusError(
                f"{urlsplit(url).hostname} is not this machine, and {tasks[0]} is restricted: its text may not leave",
                fix="serve the model here, or name the host in a data-use file (--attest FILE: who, agreement, hosts)",
            )
