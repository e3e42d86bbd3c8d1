"""Write, list, show, check, use and drop own strategies (`strategy`)."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli.command import command
from tradectl.cli.completion import example_names, strategy_names
from tradectl.cli.group import ListGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import RESEARCH
from tradectl.cli.strategy_check import check
from tradectl.cli.strategy_rows import SHORT_HASH, list_text, shipped_row, show_text, strategy_row
from tradectl.errors import Blocked, ConfigurationError, TradectlError, UsageError
from tradectl.model.rule_names import REVERSION
from tradectl.report.result_sentences import counted

if TYPE_CHECKING:
    from tradectl.bootstrap.strategies import StrategyFolder
    from tradectl.ledger.store import Ledger

app = typer.Typer(
    name="strategy",
    rich_help_panel=RESEARCH,
    cls=ListGroup,
    help="Own strategies, one file each: new, list, show, check, save, use, drop.",
)
NewName = Annotated[str, typer.Argument(help="The name: small letters, digits and hyphens.", metavar="NAME")]
Name = Annotated[str, typer.Argument(help="A strategy of the home.", metavar="NAME", autocompletion=strategy_names)]
Like = Annotated[
    str,
    typer.Option(help="Copy this shipped example, or this file of the home.", metavar="EXAMPLE", autocompletion=example_names),
]
Entry = Annotated[str, typer.Option(help="Buy after a close on which this condition is true.", metavar="CONDITION")]
Exit = Annotated[str, typer.Option("--exit", help="Sell at the next open when this is true at a close.", metavar="CONDITION")]
Target = Annotated[str, typer.Option(help="A sell order rests at this price.", metavar="PRICE")]
Stop = Annotated[str, typer.Option(help="Sell when the price falls to this.", metavar="PRICE")]
Description = Annotated[str, typer.Option(help="What the rule does, in a sentence.", metavar="TEXT")]
Share = Annotated[
    str, typer.Option(help="Its part of the capital, such as 0.5 or 50%; default: all that is left.", metavar="SHARE")
]


@command(app)
def new(invocation: Invocation, name: NewName, like: Like = "") -> Answer:
    """Write a new strategy file with comments, a rule that works; an existing file stays as it is."""
    from tradectl.strategy.strategy import EXPRESSIONS
    from tradectl.strategy.strategy_template import template

    folder = _folder(invocation)
    if like:
        copied = folder.example(like)
        form, text = copied.form, copied.text
    else:
        form, text = EXPRESSIONS, template(name, _universe(invocation))
    return _written(invocation, name, form, text)


@command(app)
def save(
    invocation: Invocation,
    name: NewName,
    entry: Entry = "",
    exit_: Exit = "",
    target: Target = "",
    stop: Stop = "",
    description: Description = "",
) -> Answer:
    """Store a rule in one line, as `backtest` takes it, in a new strategy file."""
    from tradectl.strategy.expressions.line_rule import parse_rule
    from tradectl.strategy.strategy import EXPRESSIONS, check_name
    from tradectl.strategy.strategy_file import parse_strategy
    from tradectl.strategy.strategy_template import saved_text

    check_name(name)
    if parse_rule(entry, exit_, target, stop) is None:
        raise UsageError("--entry is needed: a rule says when to buy")
    text = saved_text({"entry": entry, "exit": exit_, "target": target, "stop": stop}, description)
    parse_strategy(name, text)
    return _written(invocation, name, EXPRESSIONS, text)


def _universe(invocation: Invocation) -> str:
    """Return the list of symbols of the home's user, as a word of a command line."""
    from tradectl.bootstrap import parameters_of

    return quote(parameters_of(invocation.required_settings(), {}).universe)


def _written(invocation: Invocation, name: str, form: str, text: str) -> Answer:
    """Write a file and say what to do next."""
    from tradectl.strategy.strategy import text_hash

    universe = _universe(invocation)  # its errors come before the file
    file = _folder(invocation).add(name, form, text)
    found = {"name": name, "form": form, "file": str(file), "hash": text_hash(text)}
    lines = (
        f"wrote {file}",
        f"try it:   tradectl backtest {universe} --strategy {name}",
        f"check it: tradectl strategy check {name}",
    )
    return Answer(found, "\n".join(lines))


@command(app, "list")
def listing(invocation: Invocation) -> Answer:
    """List the shipped rule and every strategy file: parameters, last check, share; a wrong file has its error."""
    ledger, folder = invocation.world(read_only=True).ledger, _folder(invocation)
    rows = [shipped_row(ledger), *(strategy_row(name, found, ledger) for name, found in folder.all())]
    known = {row["name"] for row in rows}
    rows += [
        strategy_row(used.name, _lost(folder, used.name), ledger) for used in ledger.strategies.used() if used.name not in known
    ]
    wrong = [row for row in rows if row["error"]]
    if not wrong:
        return Answer(rows, lambda: list_text(rows))
    error = f"{counted(len(wrong), 'strategy file')} cannot be read; the first: {wrong[0]['error']}"
    code = ConfigurationError.exit_code
    return Answer(rows, lambda: list_text(rows), outcome="failed", exit_code=code, error=error)


def _lost(folder: StrategyFolder, name: str) -> TradectlError:
    """Return the error of a used strategy whose file is gone."""
    return ConfigurationError(
        f"{name} is used and its file is gone from {folder.folder}; put it back, or `tradectl strategy drop {name}`"
    )


@command(app)
def show(invocation: Invocation, name: Name) -> Answer:
    """Show a strategy: its parts, parameters with bounds, hash, last check, share and open positions."""
    from tradectl.research.reports.backtest import rule_texts

    ledger, folder = invocation.world(read_only=True).ledger, _folder(invocation)
    if name == REVERSION:
        found = shipped_row(ledger) | {"path": None, "parts": rule_texts(None), "failures": []}
    else:
        strategy = folder.read(name)
        checked = ledger.strategies.check_of(strategy.hash)
        found = strategy_row(name, strategy, ledger) | {
            "path": str(folder.file_of(name)),
            "parts": rule_texts(strategy.rule()),
            "failures": list(checked.result.get("failures", ())) if checked is not None else [],
        }
    found["positions"] = _positions_of(ledger, name)
    return Answer(found, lambda: show_text(found))


def _positions_of(ledger: Ledger, name: str) -> list[dict[str, Any]]:
    return [
        {"symbol": item.symbol, "quantity": item.quantity, "opened": item.opened_session.isoformat(), "hash": item.strategy_hash}
        for item in ledger.book.snapshot().positions
        if item.strategy == name
    ]


command(app)(check)


@command(app)
def use(invocation: Invocation, name: Name, share: Share = "") -> Answer:
    """Let `analyze` run a strategy with a share of the capital, once its very text has passed `strategy check`.

    Without any choice the shipped rule, ema9-reversion, has all the capital. It can be used beside own strategies, with a share.
    """
    from tradectl.ledger.strategies import StoredStrategy, UsedStrategy, left_of
    from tradectl.strategy.strategy import text_hash

    world = invocation.world()
    strategies, now = world.ledger.strategies, world.clock.now()
    before = strategies.chosen()
    wanted = parse_share(share) if share else left_of(before, name)
    if not wanted:
        others = ", ".join(f"{item.name} {item.share.normalize():f}" for item in before)
        raise UsageError(f"nothing is left beside {others}: give one of them a lower share first, or drop it")
    hash_ = ""
    if name != REVERSION:
        text = _folder(invocation).text(name)
        hash_ = text_hash(text.text)
        _require_check(world.ledger, name, hash_)
        with world.ledger.database.note():
            strategies.store(StoredStrategy(hash_, name, text.form, text.text), now)
            strategies.use(UsedStrategy(name, hash_, wanted), now)
    else:
        strategies.use(UsedStrategy(name, hash_, wanted), now)
    after = strategies.chosen()
    left = left_of(after)
    found = {
        "name": name,
        "hash": hash_ or None,
        "share": f"{wanted.normalize():f}",
        "left": f"{left.normalize():f}",
        **_used(world.ledger),
    }
    lines = [f"{name} buys from the next `analyze` on, with {found['share']} of the capital"]
    if hash_:
        lines.append(
            f"text: {hash_[:SHORT_HASH]}; a changed file takes effect after it has passed `tradectl strategy check {name}`"
        )
    if not before and name != REVERSION:
        lines.append(f"{REVERSION} buys nothing more, unless you also use it, with a share")
    lines.append(f"a share of {found['left']} is left" if left else "no share is left")
    return Answer(found, "\n".join(lines))


def _require_check(ledger: Ledger, name: str, hash_: str) -> None:
    """Raise Blocked unless the check of this very text has passed."""
    checked = ledger.strategies.check_of(hash_)
    if checked is not None and checked.passed:
        return
    again = f"`tradectl strategy check {name}`"
    if checked is not None:
        raise Blocked(f"{name} is not used: its check failed; {again} shows why")
    changed = ledger.strategies.last_check(name) is not None
    reason = "its file changed since its last check" if changed else "its file was not checked"
    raise Blocked(f"{name} is not used: {reason}; {again} checks it")


def parse_share(text: str) -> Decimal:
    """Return a share of the capital from text such as `0.5` or `50%`. Raises UsageError."""
    number = text.strip()
    try:
        found = Decimal(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except InvalidOperation:
        raise UsageError(f"a share is a number such as 0.5 or 50%, not {text!r}") from None
    if not found.is_finite() or not 0 < found <= 1 or found != round(found, 4):
        raise UsageError(f"a share is more than 0, at most 1, and has at most four decimals, not {text}")
    return found


@command(app)
def drop(invocation: Invocation, name: Name) -> Answer:
    """Stop using a strategy; its file stays, and its open positions keep their exits."""
    ledger = invocation.world().ledger
    if not ledger.strategies.drop(name):
        chosen = ", ".join(item.name for item in ledger.strategies.chosen()) or f"none; {REVERSION} trades without a choice"
        raise UsageError(f"{name!r} is not used; used are: {chosen}")
    held = _positions_of(ledger, name)
    found = {"name": name, "positions": len(held), **_used(ledger)}
    left = bool(ledger.strategies.chosen())
    lines = [f"{name} buys nothing more"] if left or name != REVERSION else []
    if held:
        lines.append(f"{counted(len(held), 'position')} of it stay with the text that opened them, and are sold by it")
    if not left:
        lines.append(f"no strategy is chosen: {REVERSION} has all the capital; `tradectl halt` stops buys")
    return Answer(found, "\n".join(lines))


def _used(ledger: Ledger) -> dict[str, Any]:
    """Return the strategies that `analyze` runs now, with their shares."""
    return {"used": [{"name": item.name, "share": f"{item.share.normalize():f}"} for item in ledger.strategies.used()]}


def _folder(invocation: Invocation) -> StrategyFolder:
    from tradectl.bootstrap.strategies import StrategyFolder

    return StrategyFolder(invocation.required_settings().home)
