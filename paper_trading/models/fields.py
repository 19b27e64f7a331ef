"""Exact columns: a float is refused, and so is a value that the column would round."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models

from paper_trading.engine.money import PRICE_PLACES, RATIO_PLACES, USD_PLACES

if TYPE_CHECKING:
    _DecimalField = models.DecimalField[Any, Any]
else:
    _DecimalField = models.DecimalField


class ExactField(_DecimalField):
    """A DecimalField that takes Decimal, int or str and stores every digit or refuses."""

    def to_python(self, value: Any) -> Decimal | None:
        """Refuse floats, which carry digits nobody meant."""
        if isinstance(value, float):
            raise ValidationError(f"{self.name}: a float ({value!r}) is not an exact amount")
        return super().to_python(value)  # type: ignore[no-any-return]

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Refuse more decimal places than the column keeps: only engine.money rounds."""
        if isinstance(value, Decimal):
            exponent = value.normalize().as_tuple().exponent
            if not isinstance(exponent, int) or -exponent > self.decimal_places:
                raise ValidationError(
                    f"{self.name}: {value} has more than {self.decimal_places} decimal places"
                )
        return super().get_db_prep_save(value, connection)


class UsdField(ExactField):
    """USD, numeric(38,18)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "max_digits": 38, "decimal_places": USD_PLACES})


class PriceField(ExactField):
    """USD per whole token, numeric(60,36)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "max_digits": 60, "decimal_places": PRICE_PLACES})


class RatioField(ExactField):
    """A percentage or another dimensionless number, numeric(30,12)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "max_digits": 30, "decimal_places": RATIO_PLACES})


class UnitsField(ExactField):
    """A token amount in base units: int in code, numeric(78,0) (uint256) in Postgres."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "max_digits": 78, "decimal_places": 0})

    def from_db_value(self, value: Decimal | None, *_: Any) -> int | None:
        """Turn the stored numeric into an int."""
        return None if value is None else int(value)


def choices(enum: Any) -> list[tuple[str, str]]:
    """Return the choices of a StrEnum: stored word and words for people."""
    return [(item.value, item.value.replace("_", " ").capitalize()) for item in enum]


def word_field(enum: Any, **options: Any) -> Any:
    """Make a column for a StrEnum, wide enough for every member."""
    return models.CharField(max_length=32, choices=choices(enum), **options)
