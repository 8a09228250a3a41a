"""The pretrained models: eight emotions from a waveform, for `sertk predict FILE`.

Folders of files, no code: `encoder`, the model of a prediction for which no other is chosen, and
`compact`, a small network that was trained from nothing. In each lie model.onnx (waveform in,
probabilities out), its record (spec.json), its model card, the license of its weights, and the
sha256 of each of them (bundle.json); beside `encoder` lies the first part of Whisper tiny.en
(OpenAI, MIT license), which its model.onnx and `sertk.encoders` read. The weights were learned
from RAVDESS, EmoDB and nEMO, and are for NON-COMMERCIAL use: see LICENSE.txt. Each model and its
training are one recipe; from the corpora, a folder is rebuilt by

    sertk reproduce encoder --everyone -o runs/everyone
    sertk export runs/everyone --to pretrained

and with `--evaluation RUN` of a cross-validated run (`sertk reproduce encoder`), its scores,
calibration and robustness stand in the model card. All of sertk works without these folders but
prediction without a model of one's own, and features of that encoder.
"""
