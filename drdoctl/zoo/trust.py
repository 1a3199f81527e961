"""What is asked of a model before it counts, beside the hashes of its files: a signature, and the card's probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drdoctl.core.fingerprint import file_sha256
from drdoctl.zoo import SIGNATURE_FILE, Zoo, signing
from drdoctl.zoo.card import Card
from drdoctl.zoo.probes import Probe, Scorer, Stated, check
from drdoctl.zoo.resolve import ZooFacts

Say = Callable[[str, bool], None]
"""Told each thing that was checked, or could not be, in a clause; and which of the two."""


@dataclass(frozen=True)
class Trust:
    """How far a caller goes. The default asks for nothing but the hashes."""

    scorer: Scorer | None = None
    """Runs the probes, in a process of its own; None: they are not run."""
    key: Path | None = None
    """Public key of whoever must have signed the model; None: signatures are not looked at."""
    say: Say | None = None

    def early(self, zoo: Zoo, facts: ZooFacts) -> bytes | None:
        """Return the signature that the key asks for, before anything is fetched; IntegrityError where there is none.

        None where no key asks for one.
        """
        if self.key is None:
            return None
        found = zoo.signature(facts.card.name, facts.revision)
        if found is None:
            raise signing.refused(facts.ref, f"it has no `{SIGNATURE_FILE}`, and `{self.key}` asks for one")
        return found

    def look(self, zoo: Zoo, facts: ZooFacts, folder: Path, signature: bytes | None) -> dict[str, Any]:
        """Examine fetched, hashed files in a folder; return what was found, as a manifest notes it.

        Raises IntegrityError (exit 5) where the signature or a probe does not fit.
        """
        found = self.signed(zoo, facts, folder, signature) if self.key is not None else {}
        probed = check(stated(facts.card), folder, self.scorer, facts.ref)
        self.tell(probed.said, probed.scored)
        return {**found, "probed": probed.scored, "probes": probed.said}

    def signed(self, zoo: Zoo, facts: ZooFacts, folder: Path, signature: bytes | None) -> dict[str, Any]:
        """Check the signature of fetched files; return what a manifest notes of it. A key must be given."""
        if self.key is None:
            raise ValueError("a signature is checked with a key")
        card = zoo.card(facts.card.name, facts.revision)
        signing.check(signature, folder, card, self.key, facts.ref)
        self.tell(f"signed by the owner of `{self.key}`", True)
        return {"signed_by": file_sha256(self.key)}

    def tell(self, text: str, checked: bool) -> None:
        """Say what was checked, or was not, where somebody listens."""
        if self.say is not None:
            self.say(text, checked)


NOTHING_MORE = Trust()


def stated(card: Card) -> Stated:
    """Return what a card says of its model's scores."""
    return Stated(card.role, card.template or "auto", card.probes, card.tolerance)


def stated_here(manifest: Mapping[str, Any], measured: Mapping[str, Any], template: str | None) -> Stated:
    """Return the same of an artifact of a store: what came with it from a zoo, or was measured when it was pushed."""
    role = "oracle" if manifest["kind"] == "oracle" else "student"
    probes = [Probe.model_validate(plain) for plain in measured.get("probes", [])]
    return Stated(role, template or "auto", probes, measured.get("tolerance", {}))
