"""A call of each heavy precompile, valid and dear to compute for its gas, and a contract that repeats it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from ethrex_node import _native
from faults import story

SPARE_GAS: Final = 1_200_000  # above the dearest single call (blake2f's million rounds)
LONG: Final = 16_000  # bytes
BN_G1: Final = (1, 2)
BN_G2: Final = (
    11559732032986387107991004021392285783925812861821192530917403151452391805634,
    10857046999023057135944570762232829481370756359578518086990519993285655852781,
    4082367875863433681332203403145435568316851327593401208105741076214120093531,
    8495653923123431417604973247489272438418190587263600148770280649306958101930,
)
BLS_G1: Final = (
    "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
    "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1",
)
BLS_G2: Final = (
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8",
    "13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e",
    "0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801",
    "0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be",
)
FIELD: Final = "10" + "5a" * 47  # below BLS12-381's modulus
# RFC 6979, A.2.5: P-256 with SHA-256, message "sample": digest, r, s, x, y.
P256: Final = (
    "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf"
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)


@dataclass(frozen=True)
class Call:
    """`answer`: what the precompile returns, from another source than the core where Python has one."""

    name: str
    precompile: int
    data: bytes
    answer: bytes


def calls() -> list[Call]:
    text = bytes(range(250)) * (LONG // 250)
    pair = _words(*BN_G1, *BN_G2)
    msm_scalar = b"\x5a" * 32
    odd, even = (1 << 2048) - 3, (1 << 2048) - 2
    base, exponent = (1 << 2048) - 5, (1 << 256) - 1
    return [
        Call("ecrecover", 1, _signature(), bytes(12) + story.KEYS[0].address),
        Call("sha256", 2, text, hashlib.sha256(text).digest()),
        Call("identity", 4, text, text),
        Call("modexp, odd", 5, _modexp(base, exponent, odd), pow(base, exponent, odd).to_bytes(256, "big")),
        Call("modexp, even", 5, _modexp(base, exponent, even), pow(base, exponent, even).to_bytes(256, "big")),
        _asked("ecMul", 7, _words(*BN_G1, (1 << 256) - 1)),
        Call("ecPairing", 8, pair * 9 + _words(1, BN_MODULUS - 2, *BN_G2), _words(0)),
        _asked("blake2f", 9, (1_000_000).to_bytes(4, "big") + bytes(208) + b"\1"),
        Call("point evaluation", 10, _point_evaluation(), _words(4096, BLS_ORDER)),
        _asked("bls g1 msm", 12, (_bls(*BLS_G1) + msm_scalar) * 64),
        _asked("bls g2 msm", 14, (_bls(*BLS_G2) + msm_scalar) * 40),
        Call("bls pairing", 15, (_bls(*BLS_G1) + _bls(*BLS_G2)) * 8, _words(0)),
        _asked("bls map g1", 16, _bls(FIELD)),
        _asked("bls map g2", 17, _bls(FIELD, FIELD)),
        Call("p256", 256, bytes.fromhex(P256), _words(1)),
    ]


BN_MODULUS: Final = 21888242871839275222246405745257275088696311157297823662689037894645226208583
BLS_ORDER: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001


def repeated(precompile: int) -> str:
    """Calls the precompile with the call data until the gas is nearly out, then stores the hash of what it returned."""
    copied, again = "365f5f37", "5b"
    called = f"5f5f365f61{precompile:04x}5afa50"
    while_gas = f"63{SPARE_GAS:08x}5a11600457"
    stored = "3d5f5f3e3d5f205f5500"
    return "0x" + copied + again + called + while_gas + stored


def _asked(name: str, precompile: int, data: bytes) -> Call:
    return Call(name, precompile, data, run(precompile, data))


def run(precompile: int, data: bytes) -> bytes:
    return bytes(_native.run_precompile("Osaka", precompile.to_bytes(20, "big"), data)[0])


def _words(*values: int) -> bytes:
    return b"".join(value.to_bytes(32, "big") for value in values)


def _bls(*coordinates: str) -> bytes:
    return b"".join(bytes(16) + bytes.fromhex(one) for one in coordinates)


def _modexp(base: int, exponent: int, modulus: int) -> bytes:
    numbers = base.to_bytes(256, "big") + exponent.to_bytes(32, "big") + modulus.to_bytes(256, "big")
    return _words(256, 32, 256) + numbers


def _signature() -> bytes:
    digest = _native.keccak256(b"")
    signed = _native.sign_hash(story.KEYS[0].key, digest)
    return bytes(digest) + _words(27 + signed[64]) + signed[:64]


def _point_evaluation() -> bytes:
    blob, z = _words(*range(4096)), _words(7)
    commitment = _native.blob_to_kzg_commitment(blob)
    proof, y = _native.compute_kzg_proof(blob, z)
    return b"\1" + hashlib.sha256(commitment).digest()[1:] + z + y + commitment + proof
