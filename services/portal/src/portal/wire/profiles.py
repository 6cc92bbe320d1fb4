"""Profiles as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventlog.wire import timestamp
from metering.common.v1 import values_pb2
from metering.portal.v1 import portal_service_pb2 as service_pb
from metering.portal.v1 import profile_pb2 as pb
from portal.domain.profiles import Labels, Mode, Preset, Profile, UnitNames, WindowFloor
from portal.wire.sessions import pages_from_proto, pages_to_proto

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portal.operations.profiles import AppliedProfile, FoundProfile

_MODES: Final[Mapping[int, Mode]] = {
    pb.COLOR_MODE_UNSPECIFIED: Mode.AUTO,
    **{pb.ColorMode.Value(f"COLOR_MODE_{mode.name}"): mode for mode in Mode},
}
_MODE_NUMBERS: Final = {mode: number for number, mode in _MODES.items()}
_FLOORS: Final[Mapping[int, WindowFloor]] = {
    pb.WINDOW_FLOOR_UNSPECIFIED: WindowFloor.HOUR,
    **{pb.WindowFloor.Value(f"WINDOW_FLOOR_{floor.name}"): floor for floor in WindowFloor},
}
_FLOOR_NUMBERS: Final = {floor: number for number, floor in _FLOORS.items()}


def profile_from_proto(spec: pb.ProfileSpec) -> Profile:
    """Return a profile that is not checked yet; what is absent is taken from the default."""
    default = Profile()
    return Profile(
        seller_name=spec.seller_name,
        accent=spec.accent or default.accent,
        accent_dark=spec.accent_dark or default.accent_dark,
        series=tuple(spec.series),
        logo_png=spec.logo_png,
        font=spec.font,
        radius_px=spec.radius_px if spec.HasField("radius_px") else default.radius_px,
        mode=_MODES[spec.mode],
        texts={locale: dict(entry.texts) for locale, entry in spec.texts.items()},
        pages=pages_from_proto(spec.pages),
        window_floor=_FLOORS[spec.window_floor],
        hidden_properties=tuple(spec.hidden_properties),
        hidden_meters=tuple(spec.hidden_meters),
        hidden_items=tuple(spec.hidden_items),
        presets=tuple(Preset(preset.name, preset.query) for preset in spec.presets),
        any_property=spec.any_property,
        shows_correction_reasons=spec.shows_correction_reasons,
        labels=_labels_from_proto(spec.labels),
        trace_link=spec.trace_link,
        allowed_origins=tuple(spec.allowed_origins),
    )


def profile_to_proto(profile: Profile) -> pb.Profile:
    """Return the message of a profile."""
    spec = pb.ProfileSpec(
        seller_name=profile.seller_name,
        accent=profile.accent,
        accent_dark=profile.accent_dark,
        series=profile.series,
        logo_png=profile.logo_png,
        font=profile.font,
        radius_px=profile.radius_px,
        mode=pb.ColorMode.ValueType(_MODE_NUMBERS[profile.mode]),
        texts={locale: pb.Texts(texts=texts) for locale, texts in profile.texts.items()},
        pages=pages_to_proto(profile.pages),  # type: ignore[arg-type]  # numbers of the enum
        window_floor=pb.WindowFloor.ValueType(_FLOOR_NUMBERS[profile.window_floor]),
        hidden_properties=profile.hidden_properties,
        hidden_meters=profile.hidden_meters,
        hidden_items=profile.hidden_items,
        presets=[pb.PresetView(name=preset.name, query=preset.query) for preset in profile.presets],
        any_property=profile.any_property,
        shows_correction_reasons=profile.shows_correction_reasons,
        labels=_labels_to_proto(profile.labels),
        trace_link=profile.trace_link,
        allowed_origins=profile.allowed_origins,
    )
    created_at = None if profile.created_at is None else timestamp(profile.created_at)
    return pb.Profile(version=profile.version, spec=spec, created_at=created_at)


def applied_to_proto(applied: AppliedProfile) -> service_pb.ApplyProfileResponse:
    """Return what applying a profile did."""
    outcome = values_pb2.APPLY_OUTCOME_UNCHANGED
    if applied.was_added:
        is_first = applied.profile.version == 1
        outcome = values_pb2.APPLY_OUTCOME_CREATED if is_first else values_pb2.APPLY_OUTCOME_NEW_VERSION
    return service_pb.ApplyProfileResponse(outcome=outcome, profile=profile_to_proto(applied.profile))


def found_to_proto(found: FoundProfile) -> service_pb.GetProfileResponse:
    """Return a version of the profile."""
    return service_pb.GetProfileResponse(profile=profile_to_proto(found.profile), versions=found.versions)


def _labels_from_proto(labels: pb.Labels) -> Labels:
    return Labels(
        meters=dict(labels.meters),
        items=dict(labels.items),
        properties=dict(labels.properties),
        values={name: dict(entry.labels) for name, entry in labels.values.items()},
        units={unit: UnitNames(names.one, names.other) for unit, names in labels.units.items()},
    )


def _labels_to_proto(labels: Labels) -> pb.Labels:
    return pb.Labels(
        meters=labels.meters,
        items=labels.items,
        properties=labels.properties,
        values={name: pb.ValueLabels(labels=values) for name, values in labels.values.items()},
        units={unit: pb.UnitNames(one=names.one, other=names.other) for unit, names in labels.units.items()},
    )
