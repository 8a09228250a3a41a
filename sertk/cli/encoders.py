"""The command of pretrained encoders: list them, and convert files of weights."""

import argparse
import json

from sertk import encoders
from sertk.cli.output import give, tell
from sertk.errors import ConfigurationError, UnknownNameError


def encoder(args: argparse.Namespace) -> None:
    """List the encoders, or convert one."""
    if args.action not in ("list", "convert"):
        raise UnknownNameError("action", args.action, ("list", "convert"))
    if args.action == "convert":
        _convert(args)
        return
    unexpected = [
        f"--{word}" if word in ("name", "license", "blocks") else word.upper()
        for word in ("source", "target", "name", "license", "blocks")
        if getattr(args, word) is not None
    ]
    if unexpected:
        raise ConfigurationError(
            f"`sertk encoder list` received {', '.join(unexpected)}.",
            "It takes no arguments but --json.",
            "Omit them, or use `sertk encoder convert`.",
            code="unexpected-encoder-arguments",
        )
    table = encoders.frame()
    give(table.to_json(orient="records") if args.json else table.to_string(index=False))
    if not args.json:
        tell(f"Downloads are kept in {encoders.folder()}.")


def _convert(args: argparse.Namespace) -> None:
    if args.target is None:
        raise ConfigurationError(
            f"`sertk encoder convert` received {'one file' if args.source else 'no files'}.",
            "It needs the file or folder to read, and the file to write.",
            "For example: sertk encoder convert base.pt whisper-base.safetensors --name "
            "whisper-base",
            code="missing-encoder-files",
        )
    path = encoders.convert(
        args.source, args.target, name=args.name, blocks=args.blocks, license=args.license
    )
    found = encoders.find(str(path))
    if args.json:
        record = {"path": str(path), "architecture": found.architecture, "blocks": found.kept}
        give(json.dumps({**record, "license": found.license}))
    else:
        give(f"Encoder: {path}")
        tell(f"{found.architecture}, {found.kept} blocks, {found.license}")
