"""The recipes of the reference systems R1 to R5 and of sertk's own, parameter by parameter.

In: nothing. Out: `RECIPES`. What stands here was read from published papers and code; what is done
otherwise, and why, stands beside it.
"""

import dataclasses
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from sertk.features.log_mel import LogMel
from sertk.features.log_mel_delta import LogMelDelta
from sertk.features.log_spectrogram import LogSpectrogram
from sertk.features.mfcc_trace import MfccTrace
from sertk.features.noise_reverb_spectrogram import NoiseReverbSpectrogram
from sertk.features.pooled_states import PooledStates
from sertk.preprocessing import Preprocessing
from sertk.recipes.record import Difference, Published, Recipe

_CONSTANT = {"schedule": "constant", "warmup": 0.0, "label_smoothing": 0.0, "patience": 10}
_IMPROVISED = {"style": "improvised"}
_SAID_SLOWLY = Difference(
    "stopping", "the last of all epochs was reached",
    "10 epochs in which neither the score nor the loss improves end a fit",
    "time; the epoch that is kept is chosen as it was there",
)  # fmt: skip
_SILENCE = Difference(
    "padding", "0 dB, the loudest value there is", "the floor, 80 dB below the peak",
    "defect: a padded end sounded like noise at full level", restored=True,
)  # fmt: skip
_LOUD_STAMP = ("the padding of short segments is the loudest value there is",)
_ANEW = Difference(
    "starting weights", "ImageNet", "random, unless weights are passed (arguments: weights=FILE)",
    "weights are not shipped",
)  # fmt: skip
_VOICES = Difference(
    "division", "files at random", "speakers apart",
    "defect: the same voices were trained on and tested", restored=True,
)  # fmt: skip
_R1 = {
    **_CONSTANT, "optimizer": "adamw", "learning_rate": 1e-4, "weight_decay": 0.01, "epochs": 100,
    "batch_size": 64, "monitor": "val_wa", "train_crop": "all",
    "clip_aggregation": "geometric_mean", "oversample": "minority_twice",
}  # fmt: skip
_R1_CORPORA = ("iemocap", "emodb", "ravdess")
_R1_PREP = Preprocessing(LogSpectrogram(), clip_seconds=2.99, trim_db=None)
_R1_LOUD = {"prep": dataclasses.replace(_R1_PREP, db_reference="clip_loud_padding")}
_R1_PROTOCOL = "IEMOCAP improvised, 4 classes, 10 speakers apart, 5 repetitions"
_R2_PREP = Preprocessing(NoiseReverbSpectrogram(), clip_seconds=2.99, trim_db=None)
_R3 = {
    **_CONSTANT, "optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "learning_rate": 1e-4,
    "schedule": "plateau", "plateau_factor": 0.9, "plateau_patience": 20, "epochs": 700,
    "batch_size": 16, "monitor": "val_loss", "augment_sampling": "all", "patience": 40,
}  # fmt: skip
_R3_PREP = Preprocessing(
    MfccTrace(), sample_rate=44_100, clip_seconds=3.0, trim_db=None, db_reference="full_scale"
)
_R3_DIFFERENCES = (
    Difference(
        "division", "at random after copies were made", "before, speakers apart",
        "defect: copies of one recording stood on both sides", restored=True,
    ),
    Difference(
        "isolated speakers", "actors 21 to 24", "the last four there are",
        "a copy of RAVDESS may hold fewer actors",
    ),
    Difference(
        "padding", "0, above whatever speech gives", "the floor of the clip",
        "defect: the end of a short recording was the highest value of all", restored=True,
    ),
    Difference("resampling", "kaiser_fast", "soxr HQ", "one reader for everything"),
)  # fmt: skip
_r3 = partial(
    Recipe, corpora=("ravdess",), prep=_R3_PREP, model="conv1d", config=_R3, standardize="none",
    augment="r3", copies=2, seconds=(0.5, 3.5), division="isolated", differences=_R3_DIFFERENCES,
    as_published={
        "division": "copies first",
        "prep": dataclasses.replace(_R3_PREP, db_reference="full_scale_zero_padding"),
    },
    stamps=(
        "validation is not speaker-independent: copies of one recording are trained and validated "
        "on; the test speakers are apart",
        "the padding of short recordings is above whatever speech gives",
    ),
)  # fmt: skip
_R4_PREP = Preprocessing(
    LogSpectrogram(481, 960, 480, 960, window="hann", preemphasis=0.0),
    sample_rate=48_000, clip_seconds=5.0, trim_db=None,
)  # fmt: skip
_R5 = {
    **_CONSTANT, "optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-2, "learning_rate": 1e-3,
    "schedule": "plateau", "plateau_factor": 0.1, "plateau_patience": 15, "epochs": 50,
    "batch_size": 64, "augment_sampling": "all",
}  # fmt: skip
_R5_PREP = Preprocessing(
    LogMel(128, 2048, 512), sample_rate=22_050, clip_seconds=2.1, target_rms_db=0.0
)
_R5_CORPORA = ("ravdess", "emodb", "tess", "jl_corpus")
_ENCODER_PREP = Preprocessing(PooledStates(blocks="1,2,3"), target_rms_db=-26.0)
_COMPACT_PREP = Preprocessing(LogMel(80, 1024, 320), clip_seconds=3.2, top_db=50.0)
_R5_DIFFERENCES = (
    _VOICES,
    Difference(
        "selection", "an epoch chosen by hand on the test files", "by UAR on validation speakers",
        "defect: the test was looked at", restored=True,
    ),
    Difference(
        "reference of decibels", "the loudest value of a batch", "the loudest of each clip",
        "defect: a prediction depended on its batch mates",
    ),
    Difference(
        "weight decay", "added to the gradient", "decoupled", "what Keras's optimizers do"
    ),
)  # fmt: skip


def _r5(title: str, model: str, score: str) -> Recipe:
    return Recipe(
        f"{title} on log-mel spectrograms, four corpora (R5)",
        _R5_CORPORA, _R5_PREP, model, _R5, standardize="none", augment="r5", copies=7,
        grouping="moody7",
        published=(Published(score, "four corpora, files at random, 70/30, the epoch chosen on the "
                             "test"),),
        differences=_R5_DIFFERENCES,
        as_published={"division": "files, no test"},
        stamps=("not speaker-independent", "selected on test"),
    )  # fmt: skip


RECIPES: Mapping[str, Recipe] = MappingProxyType({
    "r1-alexnet": Recipe(
        "AlexNet on spectrogram pictures with stability training (R1)",
        _R1_CORPORA, _R1_PREP, "alexnet", {**_R1, "stability": 1.0},
        arguments={"image_size": 256}, standardize="minmax", augment="mixnoise", copies=8,
        where=_IMPROVISED,
        published=(Published("WA 74.0, UAR 64.4", _R1_PROTOCOL, "iemocap"),),
        differences=(
            _ANEW, _SILENCE, _SAID_SLOWLY,
            Difference(
                "stability", "not in the published code", "KL divergence, weight 1",
                "after the general method (Zheng et al. 2016)",
            ),
            Difference("repetitions", "5 seeds", "1 seed", "time; pass seeds=(0, 1, 2, 3, 4)"),
        ),
        as_published=_R1_LOUD,
        stamps=_LOUD_STAMP,
    ),
    "r1-fcn-gap": Recipe(
        "AlexNet's convolutions with global average pooling and mixup (R1)",
        _R1_CORPORA, _R1_PREP, "alexnet_gap", {**_R1, "mixup": 0.4, "mixup_by": "sample_max"},
        arguments={"image_size": 256}, standardize="minmax", where=_IMPROVISED,
        published=(Published("WA 73.2, UAR 62.6", _R1_PROTOCOL, "iemocap"),),
        differences=(_ANEW, _SILENCE, _SAID_SLOWLY),
        as_published=_R1_LOUD,
        stamps=_LOUD_STAMP,
    ),
    "r2-fcn-attention": Recipe(
        "Fully convolutional network with attention (R2)",
        _R1_CORPORA, _R2_PREP, "fcn_attention",
        {**_R1, "oversample": "none", "batch_size": 32, "epochs": 200, "mixup": 0.2,
         "time_mask": 0.25},
        where=_IMPROVISED,
        published=(
            Published("WA 70.4, UAR 63.9 (the paper that it follows)", "IEMOCAP improvised, 4 "
                      "classes, speakers apart, ImageNet weights, whole utterances", "iemocap"),
        ),
        differences=(
            _SILENCE, _SAID_SLOWLY,
            Difference(
                "time masks", "added as extra copies", "drawn again for every clip",
                "an epoch stays as long as the corpus",
            ),
            Difference(
                "reverberation", "SoX", "a room of noise that dies away", "no SoX is needed"
            ),
        ),
        as_published={"prep": dataclasses.replace(_R2_PREP, db_reference="clip_loud_padding")},
        stamps=_LOUD_STAMP,
    ),
    "r2-acrnn": Recipe(
        "3-D convolutional recurrent network with attention (R2b, 3D-ACRNN)",
        _R1_CORPORA, Preprocessing(LogMelDelta(), clip_seconds=2.99, trim_db=None),
        "crnn_attention",
        {**_CONSTANT, "optimizer": "nadam", "learning_rate": 1e-4, "epochs": 200, "batch_size": 40,
         "train_crop": "all", "clip_aggregation": "max"},
        where=_IMPROVISED,
        published=(
            Published("UAR 64.74 (sd 5.44)", "IEMOCAP improvised, 4 classes, 10 speakers apart",
                      "iemocap"),
            Published("UAR 82.82 (sd 4.99)", "EmoDB, 10 speakers apart", "emodb"),
        ),
        differences=(
            _SAID_SLOWLY,
            Difference(
                "batch normalization", "running statistics move by 1/1000 a step", "by 1/10",
                "a small corpus has ten steps in an epoch: what is used would lag for epochs",
            ),
            Difference(
                "segments of happy utterances", "overlapping windows every 100 frames",
                "as all others", "oversampling and weights of classes even them out instead",
            ),
        ),
    ),
    "r3-conv1d": _r3(
        "Conv1D on the MFCC trace, five emotions times gender (R3)",
        arguments={"variant": "original"}, grouping="basic5", genders=True,
        published=(Published("accuracy about 72", "10 classes, files at random, the test reused "
                             "for validation; later users report 35 to 50 with the same code"),),
    ),
    "r3-male-2class": _r3(
        "Conv1D on the MFCC trace, male voices, positive against negative (R3)",
        grouping="valence2", where={"gender": "male"},
        published=(
            Published("accuracy 93.96", "validation, drawn at random after copies were made"),
            Published("accuracy 66.88, macro-F1 65.40", "two isolated male actors"),
        ),
    ),
    "r4-densenet": Recipe(
        "DenseNet-121 on colored spectrogram pictures (R4)",
        ("ravdess",), _R4_PREP, "densenet121",
        {**_CONSTANT, "optimizer": "adam", "learning_rate": 1e-5, "weight_decay": 0.0,
         "epochs": 90, "head_epochs": 30, "head_learning_rate": 1e-4, "batch_size": 16,
         "monitor": "val_loss"},
        arguments={"image_size": 224, "colors": "viridis"}, standardize="minmax",
        published=(
            Published("accuracy 96.67", "speech, files at random, 80/10/10"),
            Published("accuracy 98.37", "speech and song, files at random, 80/10/10"),
        ),
        differences=(
            _ANEW, _VOICES, _SAID_SLOWLY,
            Difference(
                "pictures in training", "rotated by 30 degrees, cropped, mirrored", "as they are",
                "defect: a mirrored picture is time reversed, a rotated one mixes time and pitch",
            ),
            Difference(
                "features in use", "raw magnitude, no logarithm", "those of training",
                "defect: another feature than the network had learned",
            ),
            Difference(
                "evaluation", "the last partial batch was left out", "every utterance", "defect"
            ),
        ),
        as_published={"division": "files"},
        stamps=("not speaker-independent",),
    ),
    "r5-alexnet": _r5("A tuned AlexNet", "alexnet_tuned", "accuracy 87.2"),
    "r5-resnet18": _r5("ResNet-18", "resnet18", "accuracy 87.9"),
    "encoder": Recipe(
        "Discriminant analysis on the hidden states of Whisper tiny.en: the pretrained model",
        ("ravdess", "emodb", "nemo"), _ENCODER_PREP, "lda", {},
        standardize="enrolment", augment="everyday", copies=4, grouping="emotion8",
        where={"style": "speech"},
    ),
    "compact": Recipe(
        "A small network that was trained from nothing: the pretrained model compact",
        ("ravdess", "emodb"), _COMPACT_PREP, "compact",
        {"mixup": 0.3, "mixup_by": "sample_max", "augment_sampling": "half", "epochs": 60,
         "patience": None, "checkpoint": "last"},
        augment="field", copies=3, grouping="emotion8", where={"style": "speech"},
    ),
})  # fmt: skip
