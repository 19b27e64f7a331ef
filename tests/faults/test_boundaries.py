"""What names a statement, and what a passage makes of a stage's statements."""

import pytest

from tests.faults.boundaries import Passage, head_of


@pytest.mark.parametrize(
    ("sql", "head"),
    [
        (
            'SELECT "a"."id" FROM "paper_trading_papertradingaccount" WHERE "a"."id" = 1'
            " FOR NO KEY UPDATE",
            "SELECT papertradingaccount FOR UPDATE",
        ),
        ('INSERT INTO "paper_trading_ledgerentry" ("a") VALUES (1), (2)', "INSERT ledgerentry"),
        ("\nUPDATE paper_trading_tick\nSET chunks_done = 1", "UPDATE tick"),
        ('SELECT 1 FROM "auth_user" LIMIT 1', "SELECT user"),
        (
            "SELECT EXTRACT(EPOCH FROM market_time) FROM paper_trading_equitypoint",
            "SELECT equitypoint",
        ),
        ("SAVEPOINT s1", "SAVEPOINT"),
        ("", "?"),
    ],
)
def test_a_statement_is_named_by_verb_table_and_lock(sql: str, head: str) -> None:
    assert head_of(sql) == head


def test_values_do_not_change_a_name() -> None:
    one = head_of("UPDATE paper_trading_tick SET stage = 'close' WHERE id = 7")
    assert one == head_of("UPDATE paper_trading_tick SET stage = 'metrics' WHERE id = 8")


def test_a_boundary_counts_how_often_its_statement_came() -> None:
    passage = Passage("execution", tick=7, attempt=1)
    update = "UPDATE paper_trading_outcomeday SET closed = 1"
    assert [
        passage.statement(update),
        passage.statement("SELECT 1"),
        passage.statement(update),
    ] == [
        "UPDATE outcomeday #1",
        "SELECT #1",
        "UPDATE outcomeday #2",
    ]


def test_from_the_second_on_a_repeated_statement_is_one_boundary() -> None:
    passage = Passage("auto_close", tick=7, attempt=1)
    update = "UPDATE paper_trading_outcomeday SET closed = 1"
    assert [passage.statement(update)[-2:] for _ in range(5)] == ["#1", "#2", "#2", "#2", "#2"]


def test_a_passage_ends_with_the_commit_of_its_completion_row() -> None:
    passage = Passage("prices", tick=7, attempt=1)
    passage.statement("INSERT INTO paper_trading_pricebatch VALUES (1)")
    assert passage.commit() == "COMMIT #1"
    assert not passage.committed()
    passage.statement('INSERT INTO "paper_trading_tickstage" VALUES (1)')
    assert passage.commit() == "COMMIT #2"
    assert not passage.ended
    assert passage.committed()
    assert passage.ended
