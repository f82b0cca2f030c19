"""Purges of a running gateway: by itself once a day, and step by step for an operator's command."""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from digipoort_wus.clock import Clock
from digipoort_wus.delivery.forgetting import Forgetting, Forgotten, forget_step
from digipoort_wus.errors import DigipoortError
from digipoort_wus.process.purging import Purger, Purging, step
from digipoort_wus.process.retention import Retention, Rule
from digipoort_wus.process.runner import Runner
from digipoort_wus.server.control import ask
from digipoort_wus.store.ebms_values import EbmsId
from digipoort_wus.store.ports import FilingId, Position, Store

_log = logging.getLogger(__name__)
NAME = "purge"
FORGET = "forget-ebms"
_LOOKS_EVERY = timedelta(minutes=1)
"""So long at most the clock may have been turned before it is noticed."""
_OTHER_VERSION = "The gateway is of another version: use its own command."
OnPurged = Callable[[str, int], None]
OnForgotten = Callable[[int], None]


class Purges:
    """Purges by the rules, in a thread of its own once it is started.

    Args:
        store: of the filings.
        kept: by which rules, and when.
        clock: of the days.
        on_purged: is told the name of a rule and how many filings went.
        on_forgotten: is told how many messages of ebMS went.

    Attributes:
        tasks: what the control socket is to know, by its word.
    """

    def __init__(
        self,
        store: Store,
        kept: Retention,
        clock: Clock,
        on_purged: OnPurged,
        on_forgotten: OnForgotten = lambda _: None,
    ) -> None:
        self.tasks = {NAME: task(store, on_purged), FORGET: forget_task(store, on_forgotten)}
        forgetting = Forgetting(store, timedelta(days=kept.ebms_days), on_forgotten)
        run_due = Purger(store, kept, clock, on_purged, forgetting.step).run_due
        self._runner = Runner(run_due, clock, idle=_LOOKS_EVERY, name="purger")

    def start(self) -> None:
        """Purge at the hour of the rules from now on; once only."""
        self._runner.start()

    def stop(self) -> None:
        """Purge no more; the step under way is finished."""
        self._runner.stop()


def task(store: Store, on_purged: OnPurged) -> Callable[[str], str]:
    """Return what does one step of a purge for a command, told and answered in JSON."""

    def purge(text: str) -> str:
        rule, now, after = _asked(text)
        done = step(store, rule, now, after)
        if done.gone:
            on_purged(rule.name, done.gone)
            _log.warning(
                "an operator: %d filings were purged by the rule %s",
                *(done.gone, ascii(rule.name)),
                extra={"event": "purged"},
            )
        files = [digest.hex() for digest in done.files]
        return json.dumps([done.gone, files, _written(done.position), done.elsewhere])

    return purge


def forget_task(store: Store, on_forgotten: OnForgotten) -> Callable[[str], str]:
    """Return what forgets a few messages of ebMS for a command, told and answered in JSON."""

    def forget(text: str) -> str:
        try:
            told = json.loads(text)
            before, after = datetime.fromisoformat(told["before"]), _id_of(told["after"])
        except (ValueError, KeyError, TypeError) as error:
            raise DigipoortError(_OTHER_VERSION) from error
        done = forget_step(store, before, after)
        if done.gone:
            on_forgotten(done.gone)
            _log.warning(
                "an operator: %d messages of ebMS were purged",
                done.gone,
                extra={"event": "ebms-forgotten"},
            )
        return json.dumps([done.gone, [digest.hex() for digest in done.files], done.after])

    return forget


def forget_by_gateway(directory: Path, before: datetime, after: EbmsId | None) -> Forgotten | None:
    """Let the gateway that has a data directory forget a few messages of ebMS.

    Returns:
        What became of it; None when no gateway answers there.

    Raises:
        DigipoortError: it was not done; the gateway says why.
    """
    reply = ask(
        directory, FORGET, reason=json.dumps({"before": before.isoformat(), "after": after})
    )
    if reply is None:
        return None
    try:
        gone, files, behind = json.loads(reply)
        return Forgotten(int(gone), tuple(bytes.fromhex(name) for name in files), _id_of(behind))
    except (ValueError, TypeError) as error:
        raise DigipoortError(_OTHER_VERSION) from error


def step_by_gateway(
    directory: Path, rule: Rule, now: datetime, after: Position | None
) -> Purging | None:
    """Let the gateway that has a data directory do one step of a purge.

    Returns:
        What became of it; None when no gateway answers there.

    Raises:
        DigipoortError: it was not done; the gateway says why.
    """
    told = {
        "name": rule.name,
        "days": rule.days,
        "berichtsoort": rule.berichtsoort,
        "but": rule.but,
        "now": now.isoformat(),
        "after": _written(after),
    }
    reply = ask(directory, NAME, reason=json.dumps(told))
    if reply is None:
        return None
    try:
        gone, files, position, elsewhere = json.loads(reply)
        digests = tuple(bytes.fromhex(name) for name in files)
        return Purging(int(gone), digests, _read(position), bool(elsewhere))
    except (ValueError, TypeError) as error:
        raise DigipoortError(_OTHER_VERSION) from error


def _asked(text: str) -> tuple[Rule, datetime, Position | None]:
    try:
        told = json.loads(text)
        name, days, kind = told["name"], told["days"], told["berichtsoort"]
        rule = Rule(str(name), int(days), None if kind is None else str(kind), tuple(told["but"]))
        return rule, datetime.fromisoformat(told["now"]), _read(told["after"])
    except (ValueError, KeyError, TypeError) as error:
        raise DigipoortError(_OTHER_VERSION) from error


def _id_of(number: object) -> EbmsId | None:
    return None if number is None else EbmsId(int(str(number)))


def _written(position: Position | None) -> tuple[str, int] | None:
    return None if position is None else (position.received_at.isoformat(), position.filing_id)


def _read(pair: tuple[str, int] | None) -> Position | None:
    if pair is None:
        return None
    return Position(datetime.fromisoformat(pair[0]), FilingId(int(pair[1])))
