import base64
import hashlib

import numpy as np
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from bedside_federation.journal import Journal
from bedside_federation.releases import signed_bytes, signer

TASK = "ab" * 32


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def test_a_release_is_signed_over_its_task_version_round_and_hash(tmp_path):
    key = ec.generate_private_key(ec.SECP384R1())
    (tmp_path / "key.pem").write_bytes(pem(key))
    journal = Journal(tmp_path / "out", TASK, "1", sign=signer(tmp_path / "key.pem"))
    journal.write("waiting", np.zeros(4, np.float32), [])
    [release] = journal.releases.all
    content = (tmp_path / "out" / "release-0.npy").read_bytes()
    assert release["sha256"] == hashlib.sha256(content).hexdigest() and release["sizeBytes"] == len(content)
    raw = base64.b64decode(release["signature"], validate=True)
    assert len(raw) == 96
    signature = utils.encode_dss_signature(int.from_bytes(raw[:48], "big"), int.from_bytes(raw[48:], "big"))
    # As README.md has it, letter by letter.
    message = f"bedside federation release 1\n{TASK}\n0\n0\n{release['sha256']}\n".encode()
    key.public_key().verify(signature, message, ec.ECDSA(hashes.SHA384()))
    for other in (signed_bytes("cd" * 32, 0, 0, release["sha256"]), signed_bytes(TASK, 1, 0, release["sha256"]), signed_bytes(TASK, 0, 1, release["sha256"])):
        with pytest.raises(InvalidSignature):
            key.public_key().verify(signature, other, ec.ECDSA(hashes.SHA384()))


def test_another_kind_of_key_is_refused(tmp_path):
    (tmp_path / "key.pem").write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(ValueError):
        signer(tmp_path / "key.pem")


def test_a_release_that_was_changed_is_not_scored_as_that_release(tmp_path):
    journal = Journal(tmp_path, TASK, "1")
    journal.write("waiting", np.zeros(4, np.float32), [])
    np.save(tmp_path / "release-0.npy", np.ones(4, np.float32))
    with pytest.raises(ValueError, match="not the file that was released"):
        Journal(tmp_path, TASK, "2").releases.models()


def test_releases_of_another_task_are_none_of_this_one(tmp_path):
    Journal(tmp_path, TASK, "1").write("waiting", np.zeros(4, np.float32), [])
    assert Journal(tmp_path, "cd" * 32, "2").releases.all == []
