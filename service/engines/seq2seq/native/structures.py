"""The records of `abi.h`, field by field."""

from __future__ import annotations

import ctypes

BLOCK = 32
ACTIVATIONS = {
    "relu": 0,
    "gelu": 1,
    "gelu_new": 2,
    "gelu_pytorch_tanh": 2,
    "silu": 3,
    "swish": 3,
    "tanh": 4,
}


class LinearRecord(ctypes.Structure):
    """`Linear`."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("packed", "scale", "bias", "correction")),
        *((name, ctypes.c_int32) for name in ("outputs", "inputs", "depth", "nonnegative")),
    ]


class NormRecord(ctypes.Structure):
    """`Norm`."""

    _fields_ = [
        ("gain", ctypes.c_void_p),
        ("shift", ctypes.c_void_p),
        ("epsilon", ctypes.c_float),
        ("reserved", ctypes.c_int32),
    ]


class LayerRecord(ctypes.Structure):
    """`Layer`."""

    _fields_ = [
        *((name, LinearRecord) for name in ("qkv", "out", "query", "cross_out", "up", "down")),
        *((name, NormRecord) for name in ("own", "cross", "last")),
        ("bias", ctypes.c_void_p),
    ]


class DecoderRecord(ctypes.Structure):
    """`Decoder`."""

    _fields_ = [
        ("layers", ctypes.POINTER(LayerRecord)),
        ("head", LinearRecord),
        ("final", NormRecord),
        *((name, ctypes.c_int32) for name in ("count", "width", "heads", "head_width", "inner", "ffn")),
        *((name, ctypes.c_int32) for name in ("activation", "gated", "pre_norm", "bias_reach")),
        ("score_scale", ctypes.c_float),
        ("head_scale", ctypes.c_float),
    ]


class CacheRecord(ctypes.Structure):
    """`Cache`."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("layer", "part", "place", "head")),
    ]


class LaneRecord(ctypes.Structure):
    """`Lane`."""

    _fields_ = [
        ("own", CacheRecord),
        ("cross", CacheRecord),
        ("positions", ctypes.c_void_p),
        ("sources", ctypes.c_void_p),
        ("seen", ctypes.c_void_p),
        ("seen_stride", ctypes.c_int64),
        ("requests", ctypes.c_int32),
        ("width", ctypes.c_int32),
    ]
