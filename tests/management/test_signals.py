"""The command `signals`: built-ins, files and markets, each with its state and the reason."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from paper_trading.bot.findings import Severity, Trouble
from paper_trading.bot.seeding import admin_user
from paper_trading.management.commands import doctor
from paper_trading.models import Market
from tests import builders as make
from tests.services.signal_files import GOOD, Folder, body, make_signal, use

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return use(tmp_path, monkeypatch)


def signals(*arguments: str, code: int = 0) -> str:
    out = StringIO()
    if code:
        with pytest.raises(SystemExit) as ended:
            call_command("signals", *arguments, stdout=out)
        assert ended.value.code == code
    else:
        call_command("signals", *arguments, stdout=out)
    return out.getvalue()


def test_without_a_folder_the_built_ins_are_listed() -> None:
    said = signals()
    assert "liquidity_cost  built-in       liquidity    0.15           on" in said
    assert "There is no signal folder: DEX_SIGNALS_DIR is not set." in said
    assert len(json.loads(signals("--json"))["signals"]) == 12


def test_files_are_listed_with_what_is_wrong(folder: Folder) -> None:
    folder.write("good", GOOD)
    assert " good    folder        momentum     0.1    12     on" in signals()
    folder.write("bad", body("return 3"))
    said = signals(code=1)
    assert "bad (folder) is off: on moving prices: gave 3.0; -1 to 1 is allowed" in said
    bad = json.loads(signals("--json", code=1))["signals"][12]
    assert (bad["name"], bad["on"]) == ("bad", False)


def test_signals_of_markets_in_use_are_listed(market: Market) -> None:
    make_signal(market, name="mine", off_step=605, off_reason="took too long")
    assert "mine" not in signals()
    account = make.make_account(admin_user("a password of 5 words"), market=market)
    assert f"mine ({market.name}) is off: from step 605 on: took too long" in signals(code=1)
    (found,) = [one for one in doctor.look() if one.trouble is Trouble.SIGNAL_OFF]
    assert found.severity is Severity.NOTE
    assert f"Signal mine of {market.name} is switched off from step 605 on: took" in found.what
    account.archived_at = make.START
    account.save()
    assert "mine" not in signals()
    assert not [one for one in doctor.look() if one.trouble is Trouble.SIGNAL_OFF]


def test_the_doctor_tells_of_a_broken_file(folder: Folder) -> None:
    folder.write("bad", body("return 1 / 0"))
    (found,) = [one for one in doctor.look() if one.trouble is Trouble.SIGNAL_OFF]
    assert "Signal bad of the folder is switched off: on moving prices: ZeroDiv" in found.what
    assert "signal folder" in found.trouble.advice
