"""Messages for whoever watches."""

from io import StringIO

from tradectl.notify.console import ConsoleNotifier, SilentNotifier


def test_a_message_is_a_title_and_a_body():
    stream = StringIO()
    assert ConsoleNotifier(stream).send("Missed", "buy of 2023-07-21 did not run")
    assert stream.getvalue() == "Missed\nbuy of 2023-07-21 did not run\n"


def test_a_message_without_a_body_is_one_line():
    stream = StringIO()
    ConsoleNotifier(stream).send("Missed", "")
    assert stream.getvalue() == "Missed\n"


def test_the_console_is_stderr(capsys):
    ConsoleNotifier().send("Missed", "buy")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "Missed\nbuy\n")


def test_the_silent_one_takes_everything_and_says_nothing(capsys):
    assert SilentNotifier().send("Missed", "buy")
    assert capsys.readouterr() == ("", "")


def test_a_message_on_the_screen_has_no_control_characters():
    stream = StringIO()
    assert ConsoleNotifier(stream).send("halted\n\x1b[2J", "why: \x1b]0;pwn\x07\nsecond line")
    assert stream.getvalue() == "halted\\n\\x1b[2J\nwhy: \\x1b]0;pwn\\x07\nsecond line\n"
