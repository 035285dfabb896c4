"""Claims of the literature: `all_claims` lists them, `reproduce` runs and judges them on this machine."""

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.registry import all_claims
from simplebias.claims.runner import reproduce

__all__ = ["Claim", "Criterion", "Evidence", "Scale", "Verdict", "all_claims", "reproduce"]
