"""The plot command: files are written, lines break at kinks, bad input is explained."""

from __future__ import annotations

import argparse

import pytest

import fastact as fa
from fastact.commands import plot

pytestmark = pytest.mark.once


def run(*words):
    parser = argparse.ArgumentParser()
    plot.add_arguments(parser)
    return plot.run(parser.parse_args(list(words)))


@pytest.mark.parametrize("names", [["gelu", "leaky_relu:negative_slope=0.2"], fa.names()], ids=["two", "all"])
def test_a_picture_is_written(names, tmp_path):
    file = tmp_path / "out.png"
    assert run(*names, "-o", str(file)) == 0
    assert file.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gelo"], "unknown activation 'gelo'; nearest: gelu"),
        (["gelu:beta=2"], "unexpected keyword 'beta'; it has no parameters"),
        (["gelu", "--range", "1", "1"], "--range is 1 1; expected two numbers, the smaller one first"),
        (["gelu", "--range", "0", "inf"], "--range is 0 inf"),
        (["gelu", "-o", "no/such/folder/out.png"], "expected a file in a folder that exists"),
        (["gelu", "-o", "out.xyz"], "Format 'xyz' is not supported"),
    ],
)
def test_bad_input(words, message, capsys):
    assert run(*words) == 2
    assert message in capsys.readouterr().err
