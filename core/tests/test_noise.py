"""Test that noise depends on its position alone and has the distribution that it claims."""

from __future__ import annotations

import numpy as np
import pytest

from core.noise import normals, smooth, stream, uniforms

MANY = np.arange(20_000, dtype=np.int64)


def test_streams_differ_by_name() -> None:
    assert stream("seed", 1) != stream("seed", 2)


def test_number_depends_on_its_position_alone() -> None:
    assert uniforms(7, MANY)[500:510].tolist() == uniforms(7, MANY[500:510]).tolist()


def test_uniforms_lie_between_zero_and_one() -> None:
    numbers = uniforms(7, MANY)
    assert 0 < numbers.min() < numbers.max() < 1


def test_uniforms_are_spread_evenly() -> None:
    counts, _ = np.histogram(uniforms(7, MANY), bins=10, range=(0, 1))
    assert counts.min() > 1850
    assert counts.max() < 2150


def test_normals_have_mean_zero_and_variance_one() -> None:
    numbers = normals(7, MANY)
    assert numbers.mean() == pytest.approx(0, abs=0.03)
    assert numbers.var() == pytest.approx(1, abs=0.03)


def test_smooth_noise_has_a_variance_of_about_one() -> None:
    assert smooth(7, MANY.astype(float), (5.0, 17.0)).var() == pytest.approx(1, abs=0.15)


def test_smooth_noise_varies_little_between_neighbours() -> None:
    numbers = smooth(7, np.arange(0, 100, 0.01), (20.0,))
    assert np.abs(np.diff(numbers)).max() < 0.02
