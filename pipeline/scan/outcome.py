"""How a step of a scan ended, and what to do about it."""

from dataclasses import dataclass

from pipeline.errors import CapReached, CredentialsRefused, NothingObserved, UnitsFailed
from pipeline.months import month_of
from pipeline.run.summary import Summary
from pipeline.scan.due import Step
from pipeline.scan.log import Outcome


def advice(code: int) -> str:
    """What to do about a failure, by its exit code."""
    match code:
        case CapReached.exit_code:
            return "A limit of spending or a quota is reached: the scan goes on when it is raised, or next month."
        case CredentialsRefused.exit_code:
            return "The provider refused the credentials: renew them, then run leachwatch doctor."
        case UnitsFailed.exit_code:
            return "It is tried again by the next scan; what was made is kept."
        case _:
            return "Run leachwatch doctor; it says what to mend."


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a step did not end with exit code 0, if it did not."""

    code: int = 0
    text: str = ""
    blind: bool = False
    """True: because nothing of its last month was seen."""


def outcome_of(step: Step, summary: Summary, patient: bool, recent: bool) -> tuple[Outcome, Reason]:
    """How a step ended.

    `patient`: whether it stays due while looks fail. `recent`: whether its last month is the last complete one, of
    which scenes may still be listed.
    """
    told = Reason(summary.exit_code, summary.error or "")
    if summary.failures:
        decisive = summary.exit_code in (CapReached.exit_code, CredentialsRefused.exit_code)
        return Outcome.UNFINISHED if patient or decisive else Outcome.INCOMPLETE, told
    if summary.left:
        return Outcome.UNFINISHED, told
    if summary.seen_in.get(step.last, 0.0) > 0 or (step.opening and summary.saw):
        return Outcome.DONE, Reason()
    looks = sum(month_of(look.day) == step.last for look in summary.asked)
    why = f"no clear pixel in {looks} looks" if looks else f"no scene of {step.last}"
    blind = Reason(NothingObserved.exit_code, summary.error or f"nothing could be observed: {why}", blind=True)
    # Satellites pass every few days: a month without any scene is more likely a catalogue or a disk that is away.
    return Outcome.UNFINISHED if patient and recent and not looks else Outcome.BLIND, blind
