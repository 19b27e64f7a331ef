"""Every stored decision can be made again from its rows; a changed digit of any is named."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models, transaction
from pytest_django import DjangoDbBlocker

from paper_trading.bot.explanation import Explainer, find_thought, find_tick, thought_of
from paper_trading.bot.replay.checks import Mismatch, NoJournal
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Action
from paper_trading.models import (
    Bar,
    FrozenExperience,
    PaperAIThoughtLog,
    PaperTradingSession,
    PriceBatch,
    Quote,
    ScoreQuantiles,
    StrategyVersion,
    Tick,
    TokenList,
)
from tests.bot import worlds
from tests.bot.replay.tampering import changed, columns, tamper
from tests.bot.worlds import Snapshot
from tests.kept import kept

pytestmark = pytest.mark.django_db

#: Columns that no decision reads: keys of their own, real times, delivery.
CLOCK = {"created_at", "opened_at", "closed_at", "fetched_at"}
LEFT: dict[type[models.Model], set[str]] = {
    Tick: {"slot", "trigger", "reason", "stage", "attempt", "lease_until", "deadline_at", "status"}
    | {"trading_state", "chunks_done", "chunks_total"},
    PriceBatch: {"missing"},
    StrategyVersion: {"strategy", "number"},
    Bar: {"known_at"},
    TokenList: {"market"},
}
#: Columns whose change is found as that of what they say.
ELSEWHERE = {
    (PriceBatch, "token_list"): "",
    (TokenList, "tokens"): "token list",
    (TokenList, "number"): "token_list",
    (StrategyVersion, "parameters"): "strategy",
    (Bar, "readings"): "bar ",
    (Quote, "bar"): "bar ",
    (Bar, "closes_at"): "bar ",
    (Bar, "seconds"): "bar closes_at",
    (Bar, "start"): "bar closes_at",
    (FrozenExperience, "book"): "experience",
    (FrozenExperience, "frozen_at"): "experience",
    (ScoreQuantiles, "frozen_at"): "quantiles",
    (ScoreQuantiles, "market"): "quantiles",
    (PriceBatch, "source"): "source",
    (PaperAIThoughtLog, "tick"): "",
    (PaperAIThoughtLog, "token"): "",
}


def run(whole: Snapshot) -> int:
    """Run a session on a market with all of its bars: quantiles are frozen again."""
    session = worlds.running_session(whole.restore(), max_losing_exits=2)
    worlds.run_ticks(session, 24)
    return session.pk


@pytest.fixture(scope="module")
def made(
    whole: Snapshot, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[int]:
    with kept(django_db_blocker, lambda: run(whole)) as key:
        yield key


@pytest.fixture
def traded(db: None, made: int) -> PaperTradingSession:
    return PaperTradingSession.objects.get(pk=made)


def verified(thought: PaperAIThoughtLog) -> str | None:
    """Return what the verification of a decision says against it."""
    try:
        Explainer().verify(thought_of(thought.pk))
    except (Mismatch, NoJournal) as error:
        return str(error)
    return None


def bought(session: PaperTradingSession) -> PaperAIThoughtLog:
    """Return a decision to buy that read everything, from the last ticks."""
    rows = PaperAIThoughtLog.objects.filter(tick__session=session, action=Action.BUY)
    return rows.filter(tick__experience__isnull=False).order_by("-pk")[0]


def test_every_decision_is_made_again(traded: PaperTradingSession) -> None:
    explainer, actions = Explainer(), set()
    for thought in explainer.thoughts(traded):
        explainer.verify(thought)
        actions.add(thought.action)
    assert {Action.BUY, Action.HOLD, Action.SKIP} <= actions


def inputs_of(thought: PaperAIThoughtLog) -> list[tuple[Any, Any]]:
    """Return the rows that a decision names, each with its model."""
    tick = thought.tick
    batch = tick.batch
    assert batch is not None
    quote = batch.quotes.get(token=thought.token)
    keys = [
        (PaperAIThoughtLog, thought.pk),
        (Tick, tick.pk),
        (PriceBatch, batch.pk),
        (Quote, quote.pk),
        (Bar, quote.bar_id),
        (ScoreQuantiles, batch.quantiles_id),
        (FrozenExperience, tick.experience_id),
        (StrategyVersion, tick.strategy_version_id),
        (TokenList, batch.token_list_id),
    ]
    return [(model, model._default_manager.get(pk=key)) for model, key in keys]


def missed(thought: PaperAIThoughtLog, row: models.Model) -> list[str]:
    """Change each column of a row in turn; return those that no message names."""
    found, model = [], type(row)
    for field in columns(model, LEFT.get(model, set()) | CLOCK):
        value = getattr(row, field.attname)
        if value is None:
            continue
        with transaction.atomic():
            if tamper(model, row.pk, field, changed(field, value)):
                said = verified(thought)
                wanted = ELSEWHERE.get((model, field.name), field.name)
                if said is None or wanted not in said:
                    found.append(f"{model.__name__}.{field.name}: {said}")
            transaction.set_rollback(True)
    return found


def test_a_changed_digit_of_any_input_is_named(traded: PaperTradingSession) -> None:
    thought = bought(traded)
    assert verified(thought) is None
    assert [text for _, row in inputs_of(thought) for text in missed(thought, row)] == []
    assert verified(thought) is None


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every plain value in a JSON value."""
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in leaves(inner, (*path, key))]
    if isinstance(value, list):
        return [found for key, inner in enumerate(value) for found in leaves(inner, (*path, key))]
    return [path]


def test_a_changed_value_of_the_evidence_is_named(traded: PaperTradingSession) -> None:
    thought = bought(traded)
    unseen = []
    for path in leaves(thought.evidence):
        row = PaperAIThoughtLog.objects.get(pk=thought.pk)
        home = row.evidence
        for key in path[:-1]:
            home = home[key]
        home[path[-1]] = _other(home[path[-1]])
        with transaction.atomic():
            PaperAIThoughtLog.objects.filter(pk=row.pk).update(evidence=row.evidence)
            said = verified(thought)
            if said is None or not _names(path, said):
                unseen.append((path, said))
            transaction.set_rollback(True)
    assert unseen == []


#: The fields of the inputs in the order of their row.
INPUTS = ("state_version", "held_since", "notional_usd", "observed_at", "bar_end")


def _names(path: tuple[Any, ...], said: str) -> bool:
    if path[0] == "inputs":
        # A seal whose last digit was changed names the last column that it seals.
        return (*INPUTS, "bar signals")[path[1]] in said or "inputs" in said
    return str(path[0]) in said or "a decision" in said


def _other(value: Any) -> Any:
    """Return another value of the same kind: one digit, or one letter."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if value is None:
        return "2026-01-06T00:00:00+00:00"
    text = str(value)
    if text.startswith("0E"):
        return "1"
    for place in range(len(text) - 1, -1, -1):
        if text[place].isdigit():
            return f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}"
    return f"{text}x"


def test_a_decision_is_explained(traded: PaperTradingSession) -> None:
    thought = bought(traded)
    found = Explainer().explain(thought_of(thought.pk))
    assert found.evidence is not None
    assert [one.level for one in found.levels] == list(range(1, 11))
    own = found.levels[found.decision.level - 1]
    assert (own.action, own.code, own.missed) == (Action.BUY, Code.OK, None)
    assert found.decision.inputs is not None
    assert found.trades


def test_the_cash_is_explained_without_evidence(traded: PaperTradingSession) -> None:
    row = PaperAIThoughtLog.objects.filter(code=Code.TOKEN_IS_CASH)[0]
    found = Explainer().explain(thought_of(row.pk))
    assert (found.evidence, found.levels, found.trades) == (None, (), ())


def test_ticks_and_tokens_are_found_in_each_way(traded: PaperTradingSession) -> None:
    tick = traded.ticks.get(number=3)
    assert find_tick(str(tick.pk)) == find_tick(f"{traded.pk}:3") == tick
    assert find_thought(tick, "weth").token.symbol == "WETH"


@pytest.mark.parametrize("text", ["", "x", "1:", ":3", "-1", "1:2:3", "9" * 19])
def test_a_tick_that_is_no_tick_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed are a tick's id, or SESSION:NUMBER"):
        find_tick(text)


def test_what_is_not_there_is_named(traded: PaperTradingSession) -> None:
    with pytest.raises(ValueError, match=f"there is no tick {traded.pk}:999"):
        find_tick(f"{traded.pk}:999")
    for word in ("GONE", ""):
        with pytest.raises(ValueError, match=r"decided on CRASH, FLAT, MOON, .*, WETH"):
            find_thought(traded.ticks.get(number=3), word)
