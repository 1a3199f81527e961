from drdoctl.core.errors import IntegrityError, UserError
from drdoctl.engine.outcome import Outcome


def test_the_first_failure_gives_the_exit_code():
    """Whatever failed after it, and 0 where nothing did, though stages were skipped."""
    outcome = Outcome(skipped={"align": ["sft"]})
    assert outcome.exit_code == 0
    outcome.failed["sft"] = UserError("why")
    outcome.failed["logps"] = IntegrityError("damaged")
    assert outcome.exit_code == 2
