"""Price models, a file each. `MODELS` is the one list of them; a test holds it equal to the contract's."""

from __future__ import annotations

from typing import Final

from rating.domain.pricing.cost_plus import CostPlus
from rating.domain.pricing.dynamic import Dynamic
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.formula import Formula
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.graduated_percentage import GraduatedPercentage
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.package import Package
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.percentage import Percentage
from rating.domain.pricing.stairstep import Stairstep
from rating.domain.pricing.volume import Volume

MODELS: Final[tuple[type[PriceModel], ...]] = (
    FixedFee,
    PerUnit,
    Graduated,
    Volume,
    Package,
    Stairstep,
    Percentage,
    GraduatedPercentage,
    Dynamic,
    CostPlus,
    Formula,
)
