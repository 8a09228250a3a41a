"""The pretrained model: eight emotions from a waveform, for `sertk predict FILE` after the install.

This folder holds no code. Beside this file lie model.onnx (waveform in, probabilities out), its
record (spec.json), its model card, the licence of its weights, and the sha256 of each of them
(bundle.json). The weights were learnt from RAVDESS and EmoDB and are for NON-COMMERCIAL use: see
LICENSE.txt. The network, `compact`, and its training are one recipe; from the corpora, the folder
is rebuilt by

    sertk reproduce compact --everyone -o runs/everyone
    sertk export runs/everyone --to pretrained

and with `--evaluation RUN` of a cross-validated run (`sertk reproduce compact`), its scores,
calibration and robustness stand in the model card. All of sertk works without this folder but
prediction without a model of one's own.
"""
