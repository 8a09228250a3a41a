"""eGeMAPS: the extended Geneva minimalistic acoustic parameter set, computed by openSMILE.

In: a waveform. Out: `(1, 88)` functionals, or `(frames, 25)` low-level descriptors at 100 Hz.
"""

from dataclasses import dataclass

from sertk.features._opensmile import OpenSmile


@dataclass(frozen=True)
class Egemaps(OpenSmile):
    """Compute the eGeMAPS features with the package `opensmile`, an extra.

    openSMILE may be used for research only; its license forbids commercial products. It runs
    outside of the graph, so that a model on this feature cannot be exported.

    Args:
        level: `"functionals"`, one vector of 88 numbers per utterance, for classical models; or
            `"lld"`, frames of 25 low-level descriptors, for networks and `probe`.
        sample_rate: int, Hz, of the waveform; a `Preprocessing` sets it to its own.

    Raises:
        UnknownNameError: If there is no such level.
        ConfigurationError: If opensmile is not installed.

    Examples:
        `sertk.Preprocessing("egemaps", sample_rate=16_000)`

    References:
        Eyben et al. 2016, The Geneva Minimalistic Acoustic Parameter Set (GeMAPS), IEEE
        Transactions on Affective Computing 7(2), 190-202.
    """

    level: str = "functionals"
    sample_rate: int = 16_000
    feature_set = "eGeMAPSv02"
