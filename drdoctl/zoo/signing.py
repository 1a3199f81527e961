"""OpenSSF model signing with a key: made at push, checked before anything is installed. Needs the extra `sign`.

The signature covers every published file and the card, by sha256. It lies beside the card as `model.sig`, and
`model_signing verify key` reads it, too. Keys are elliptic (P-256, P-384 or P-521) in PEM files; certificates and
sigstore's identities are not offered here.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from drdoctl.core.errors import IntegrityError, UserError
from drdoctl.core.files import expand
from drdoctl.zoo import CARD_FILE, SIGNATURE_FILE

VARIABLE = "DRDOCTL_VERIFY_KEY"
BESIDE = (SIGNATURE_FILE, "README.md", ".gitattributes")
"""What lies in a published folder and is not signed: the page may be edited by hand."""
MISMATCH = re.compile(r"Hash mismatch for '([^']+)'")
LISTED = re.compile(r"(?:Extra|Missing) files (?:found )?in model '[^']*': ([^\"]+)")


def verify_key(written: Path | None) -> Path | None:
    """Return the public key to check with: what is written, else DRDOCTL_VERIFY_KEY. Raises UserError for no file."""
    found = written or (expand(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if found is not None and not found.is_file():
        named = "`--verify-key`" if written else VARIABLE
        raise UserError(f"there is no key `{found}`", code="no-key", hint=f"give {named} the path of a public key")
    return found


def sign(card: bytes, files: Mapping[str, Path], key: Path, kept: bytes | None = None) -> bytes:
    """Return the signature of a card and its files by a private key.

    `kept`: a signature that is there already. Where the same key made it of the same content, it is returned: a new one
    would differ, for there is chance in it. Raises UserError for a key that cannot be used.
    """
    with _laid_out(card, files) as folder:
        if kept is not None and _made_by(kept, folder, key):
            return kept
        try:
            config = _library("signing").Config().use_elliptic_key_signer(private_key=key)
            config.set_hashing_config(_hashing()).sign(folder, folder / SIGNATURE_FILE)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            # what the library says of a key that it cannot read may quote it
            why = f": {error.strerror}" if isinstance(error, OSError) else ""
            raise UserError(
                f"`{key}` cannot sign{why}",
                code="sign-key",
                hint="make one: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem`",
            ) from None
        return (folder / SIGNATURE_FILE).read_bytes()


def check(signature: bytes | None, folder: Path, card: bytes, key: Path, ref: str) -> None:
    """Compare fetched files with a signature by the owner of `key`. `card`: as it was published.

    Raises IntegrityError (exit 5) where the signature is missing, by another key, or of other files.
    """
    if signature is None:
        raise refused(ref, f"it has no `{SIGNATURE_FILE}`, and `{key}` asks for one")
    beside = {folder / CARD_FILE: card, folder / SIGNATURE_FILE: signature}
    try:
        for path, data in beside.items():
            path.write_bytes(data)
        fault = fault_of(folder, key)
    finally:
        for path in beside:
            path.unlink(missing_ok=True)
    if fault is not None:
        raise refused(ref, fault)


def fault_of(folder: Path, key: Path) -> str | None:
    """Return why the signature in a folder is not one of all its files by a key, or None.

    Raises UserError for a key that cannot be used.
    """
    verifying = _library("verifying")
    from cryptography.exceptions import InvalidSignature

    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        message = f"`{key}` is no public key that can be used: {str(error).splitlines()[0][:200]}"
        hint = "ask the publisher for it; from the private key: `openssl pkey -in key.pem -pubout -out public.pem`"
        raise UserError(message, code="verify-key", hint=hint) from None
    if not (folder / SIGNATURE_FILE).is_file():
        return f"it has no `{SIGNATURE_FILE}`, and `{key}` asks for one"
    try:
        with redirect_stdout(io.StringIO()):  # the library prints what it thinks of old formats
            config.set_hashing_config(_hashing()).verify(folder, folder / SIGNATURE_FILE)
    except InvalidSignature:
        return f"its signature was not made with the key of `{key}`"
    except Exception as error:  # noqa: BLE001  # a hostile signature may raise anything in the library's parsers
        return _said(" ".join(str(error).replace("\\", "").split()), key)
    return None


def _said(text: str, key: Path) -> str:
    """Return the library's reason in our words: which key, or which files."""
    if "Key mismatch" in text:
        return f"its signature was not made with the key of `{key}`"
    lists = [*MISMATCH.findall(text), *(name for found in LISTED.findall(text) for name in found.split(", "))]
    if lists:
        return f"its signature is of other files than these: {', '.join(f'`{name}`' for name in sorted(set(lists)))}"
    return f"its `{SIGNATURE_FILE}` is no signature: {text[:200]}"


def _made_by(signature: bytes, folder: Path, key: Path) -> bool:
    """Whether a signature is one of the folder's files by a private key."""
    from cryptography.hazmat.primitives import serialization

    try:
        public = serialization.load_pem_private_key(key.read_bytes(), None).public_key()
    except (OSError, ValueError, TypeError):
        return False
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / SIGNATURE_FILE).write_bytes(signature)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(pem)
        file.flush()
        same = fault_of(folder, Path(file.name)) is None
    (folder / SIGNATURE_FILE).unlink()
    return same


@contextmanager
def _laid_out(card: bytes, files: Mapping[str, Path]) -> Iterator[Path]:
    """Give a folder as it will be published: links to the files, and the card."""
    store = next(iter(files.values())).parents[2]
    near = store / "cache" / "pulls"  # on the same disk, for links; and `gc` clears there what a kill leaves
    near.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sign-", dir=near) as name:
        folder = Path(name)
        for file, path in files.items():
            try:
                os.link(path, folder / file)
            except OSError:
                shutil.copyfile(path, folder / file)
        (folder / CARD_FILE).write_bytes(card)
        yield folder


def _library(module: str) -> Any:
    """Return a module of `model_signing`; it takes half a second to import."""
    try:
        return importlib.import_module(f"model_signing.{module}")
    except ImportError:
        raise UserError(
            "signatures need the package `model-signing`", code="no-signing", hint="pip install 'drdoctl[sign]'"
        ) from None


def _hashing() -> Any:
    paths = [Path(name) for name in BESIDE]
    return _library("hashing").Config().set_ignored_paths(paths=paths, ignore_git_paths=False)


def refused(ref: str, why: str) -> IntegrityError:
    """Return the error of a model whose signature does not hold."""
    hint = "nothing was installed; ask the publisher for the right key, or take another revision"
    return IntegrityError(f"`{ref}`: {why}", code="signature", hint=hint)
