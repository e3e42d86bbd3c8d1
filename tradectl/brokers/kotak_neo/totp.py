"""One-time passwords by a stored secret, whose length is the broker's business and not ours."""

from __future__ import annotations

import binascii
from datetime import datetime
from typing import TYPE_CHECKING

from tradectl.errors import ConfigurationError

if TYPE_CHECKING:
    from pyotp import TOTP


def password(secret: str, now: datetime) -> str:
    """The password of this moment. ConfigurationError for a secret that is none."""
    return _totp(secret).at(now)


def fits(secret: str, given: str, now: datetime) -> bool:
    """Whether this is the password of this moment."""
    return _totp(secret).verify(given, for_time=now)


def _totp(secret: str) -> TOTP:
    import pyotp

    class Totp(pyotp.TOTP):
        min_secret_length_bits = 8  # newer versions refuse the 80 bits that many issue

    try:
        return Totp(secret.replace(" ", ""))
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError("the secret of Kotak's TOTP is not one: it has letters and the digits 2 to 7") from error
