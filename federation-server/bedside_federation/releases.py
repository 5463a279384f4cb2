"""The registry of models that were let out, each a file, with a signature that a client checks against the key in its task."""

import base64
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

RELEASES = "releases.json"
#: P-384: bytes of r and of s.
HALF = 48
Sign = Callable[[bytes], str]


def signed_bytes(task_hash: str, version: int, model_round: int, model_hash: str) -> bytes:
    """What a signature is over; README.md has it for clients."""
    return f"bedside federation release 1\n{task_hash}\n{version}\n{model_round}\n{model_hash}\n".encode("ascii")


def signer(key_file: Path) -> Sign:
    """ECDSA over P-384 with SHA-384 by a PEM key; r and s one after the other in base64, as WebCrypto verifies."""
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP384R1):
        raise ValueError(f"{key_file} must hold an ECDSA key over P-384.")

    def sign(content: bytes) -> str:
        r, s = utils.decode_dss_signature(key.sign(content, ec.ECDSA(hashes.SHA384())))
        return base64.b64encode(r.to_bytes(HALF, "big") + s.to_bytes(HALF, "big")).decode()

    return sign


class Releases:
    """`write` replaces a file whole. Without a key signatures are empty."""

    def __init__(self, folder: Path, task_hash: str, sign: Sign | None, write: Callable[[str, bytes], None]) -> None:
        self._folder, self._task_hash, self._sign, self._write = folder, task_hash, sign, write
        self.all: list[dict] = []
        try:
            kept = json.loads((folder / RELEASES).read_text())
        except FileNotFoundError:
            return
        if kept["task"] == task_hash:
            self.all = kept["releases"]

    def forget(self) -> None:
        """Where a run of the same task is begun anew."""
        self.all = []

    def add(self, model_round: int, content: bytes) -> None:
        """The file is there before the registry names it."""
        version, model_hash = len(self.all), hashlib.sha256(content).hexdigest()
        signature = "" if self._sign is None else self._sign(signed_bytes(self._task_hash, version, model_round, model_hash))
        self._write(file_name(version), content)
        self.all = [*self.all, {"version": version, "round": model_round, "sha256": model_hash, "sizeBytes": len(content), "signature": signature}]
        self._write(RELEASES, json.dumps({"task": self._task_hash, "releases": self.all}, indent=2).encode() + b"\n")

    def models(self) -> list[np.ndarray]:
        """Every model that was let out, each held to its hash."""
        found = []
        for release in self.all:
            content = (self._folder / file_name(release["version"])).read_bytes()
            if hashlib.sha256(content).hexdigest() != release["sha256"]:
                raise ValueError(f"{self._folder / file_name(release['version'])} is not the file that was released; move the folder away to begin anew.")
            found.append(np.load(io.BytesIO(content), allow_pickle=False))
        return found


def file_name(version: int) -> str:
    return f"release-{version}.npy"
