import json
import random
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks import routing
from benchmarks.clinc import DRAWN, DRAWS, DataMissing, data_folder, tasks
from benchmarks.routing_cache import Unavailable
from benchmarks.routing_figures import Answer, compared, figures, flat, nested, timed, times
from benchmarks.routing_table import goals, table
from benchmarks.semantic import lowest

WORDS = {
    "refund": ("money", "refund", "charged", "twice"),
    "parcel": ("parcel", "late", "courier", "lost"),
    "login": ("password", "login", "reset", "locked"),
    "hours": ("open", "close", "sunday", "hours"),
}
STRANGE = ("zebra", "volcano", "sonnet", "quark", "glacier")


def said(words, number):
    chosen = random.Random(number).sample(words, 3)
    return f"{' '.join(chosen)} {number}"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Make CLINC150 in small: four intents in two domains."""
    folder = tmp_path_factory.mktemp("clinc150")
    sizes = {"train": 30, "val": 10, "test": 15}
    parts = {}
    for start, (part, size) in enumerate(sizes.items()):
        parts[part] = [
            [said(words, start * 1000 + number), intent]
            for intent, words in WORDS.items()
            for number in range(size)
        ]
        parts[f"oos_{part}"] = [
            [said(STRANGE, start * 1000 + 500 + number), "oos"] for number in range(size)
        ]
    (folder / "data_full.json").write_text(json.dumps(parts))
    domains = {"shop": ["refund", "parcel", "hours"], "account": ["login"]}
    (folder / "domains.json").write_text(json.dumps(domains))
    return folder


@dataclass
class Overlap:
    """Choose the route that shares most words with a message; remember what was given."""

    pairs: list
    at_least: float
    embeddings: object
    seed: int

    def __post_init__(self):
        self.words = {}
        for text, route in self.pairs:
            if route is not None:
                self.words.setdefault(route, set()).update(text.split())
        if self.embeddings is not None:
            self.embeddings.embed_documents([text for text, _ in self.pairs])

    def scores(self, texts):
        if self.embeddings is not None:
            self.embeddings.embed_documents(list(texts))
        found = []
        for text in texts:
            shares = {
                route: len(words & set(text.split())) / 4 for route, words in self.words.items()
            }
            route = max(shares, key=shares.__getitem__)
            found.append(Answer(route=route, confidence=shares[route], accepted=shares[route] > 0))
        return found

    def __call__(self, text):
        return self.scores([text])[0]


class Toy(routing.Embeddings):
    """Embed texts by counting letters, and count the calls."""

    def __init__(self):
        self.asked = 0

    def embed_documents(self, texts):
        self.asked += len(texts)
        return [[float(text.count(letter)) for letter in "aeiou"] for text in texts]

    def embed_query(self, text):
        return self.embed_documents([text])[0]


@pytest.fixture(scope="module")
def small(data):
    return routing.measure(routing.Options(embeddings=False, data=data), learn=Overlap)


def answered(routes, truths, confidences=None, accepted=None):
    n = len(routes)
    confidences = confidences or [0.5] * n
    accepted = accepted or [True] * n
    answers = [
        Answer(route=route, confidence=confidence, accepted=taken)
        for route, confidence, taken in zip(routes, confidences, accepted, strict=True)
    ]
    return answers, [(f"text {number}", truth) for number, truth in enumerate(truths)]


def drawn(seed, n=400):
    rng = random.Random(seed)
    truths = [rng.choice(["a", "b", "c", None]) for _ in range(n)]
    routes = [t if t and rng.random() < 0.8 else rng.choice("abc") for t in truths]
    confidences = [round(rng.betavariate(4 if t else 2, 2), 6) for t in truths]
    return answered(routes, truths, confidences, [c > 0.6 for c in confidences])


def test_test_messages_are_never_fitted_on(data):
    for task in tasks(data):
        fitted = {text for text, _ in (*task.train, *task.held_out)}
        assert fitted.isdisjoint(text for text, _ in task.test)


def test_train_and_validation_are_fitted_on_with_messages_of_no_route(data):
    full, domains, few, *drawn_ones = tasks(data, shots=3)
    assert (len(full.train), len(full.held_out), len(full.test)) == (120, 40 + 30 + 10, 60 + 15)
    assert {route for _, route in full.held_out} == {*WORDS, None}
    assert {route for _, route in domains.test} == {"shop", "account", None}
    assert len(few.train) == 3 * len(WORDS)
    assert few.train[:3] == full.train[:3]
    assert {route for _, route in few.held_out} == {None}
    assert few.test == full.test
    for task in drawn_ones:
        assert len(task.train) == len(set(task.train) & set(full.train)) == 3 * len(WORDS)
        assert task.held_out == few.held_out
    assert len({task.train for task in (few, *drawn_ones)}) == 1 + DRAWS


def test_draws_are_averaged_and_their_range_is_told():
    found = {f"{DRAWN}.{n}.embeddings.accuracy": value for n, value in enumerate([0.9, 0.8, 0.94])}
    found |= {f"{DRAWN}.0.embeddings.coverage": 0.5, "clinc150.ten_shot.embeddings.accuracy": 0.1}
    key = f"{DRAWN}.embeddings.accuracy"
    assert routing.over_draws(found) == {key: 0.88, f"{key}_range": [0.8, 0.94]}


def test_absent_data_is_told_with_the_remedy(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("QUINTET_DATA", str(tmp_path))
    with pytest.raises(DataMissing, match=r"no data_full\.json and no domains\.json in .*clinc150"):
        data_folder()
    assert routing.main(["--json", "--no-embeddings"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "QUINTET_DATA" in printed.err


def test_other_data_is_told_apart(tmp_path):
    (tmp_path / "data_full.json").write_text('{"train": []}')
    (tmp_path / "domains.json").write_text("{}")
    with pytest.raises(DataMissing, match="not CLINC150's"):
        tasks(tmp_path)


def test_an_intent_without_a_domain_is_told(data, tmp_path):
    (tmp_path / "data_full.json").write_text((data / "data_full.json").read_text())
    (tmp_path / "domains.json").write_text('{"shop": ["refund", "parcel", "hours"]}')
    with pytest.raises(DataMissing, match="no domain for login"):
        tasks(tmp_path)


def test_every_task_has_its_figures_flat_and_nested(small):
    for task in ("clinc150", "clinc150.domains", "clinc150.ten_shot"):
        for name in routing.MEANING:
            if "embed" not in name:
                assert f"{task}.no_embeddings.{name}" in small["figures"], name
    assert small["clinc150"]["no_embeddings"]["accuracy"] == 1.0
    assert small["figures"]["clinc150.no_embeddings.accuracy"] == 1.0
    assert small["figures"]["clinc150.no_embeddings.oos_recall"] == 1.0
    assert small["problems"] == {}
    assert small["versions"]["scikit-learn"]
    assert small["machine"]["cores"] >= 1


def test_without_embeddings_there_is_neither_a_model_nor_a_peer(small):
    assert [key for key in small["figures"] if ".embeddings." in key or "semantic" in key] == []


def test_the_real_chooser_is_measured_as_it_is(data):
    full = tasks(data)[0]
    answers, measured = routing.ours(full, None, learn=routing.by_examples)
    assert len(answers) == len(full.test)
    assert measured["accuracy"] > 0.9
    assert measured["auroc"] > 0.9
    assert measured["promise"]["at_least"] == routing.AT_LEAST


def test_fitting_is_measured_with_embeddings_known_and_messages_with_both(data, monkeypatch):
    model = Toy()
    todo = tasks(data)
    vectors = {text: np.array(model.embed_query(text)) for task in todo for text in task.texts}
    known = routing.Known(model, vectors)
    model.asked = 0
    _, measured = routing.ours(todo[0], known, learn=Overlap)
    assert 0 < model.asked <= 10 + len(routing.some(todo[0].test))
    assert not known.live
    assert measured["cpu_ms_median"] >= 0
    assert measured["cpu_ms_median_without_embedding"] >= 0


def test_embeddings_that_cannot_be_had_are_told_and_the_rest_is_measured(data, monkeypatch):
    def absent():
        raise Unavailable("no network")

    monkeypatch.setattr(routing, "MiniLM", absent)
    found = routing.measure(routing.Options(data=data), learn=Overlap)
    assert found["problems"] == {"embeddings": "no network"}
    assert "clinc150.no_embeddings.accuracy" in found["figures"]
    assert "Not measured: embeddings: no network" in table(found)


class Model(Toy):
    def checked(self):
        return self

    def cached(self, texts):
        return np.array(self.embed_documents(texts), dtype=np.float32), 1.0


def test_a_peer_that_cannot_be_had_is_told_and_the_rest_is_measured(data, monkeypatch):
    def absent(*given, **more):
        raise Unavailable("pip ended with 1")

    monkeypatch.setattr(routing, "MiniLM", Model)
    monkeypatch.setattr(routing, "asked", absent)
    found = routing.measure(routing.Options(data=data), learn=Overlap)
    named = {task.name for task in tasks(data)} - set(routing.NO_PEERS)
    assert set(found["problems"]) == {f"{name}.semantic_router" for name in named}
    assert found["figures"]["clinc150.embeddings.accuracy"] == 1.0


def test_a_peer_left_out_is_not_asked_for(data, monkeypatch):
    monkeypatch.setattr(routing, "MiniLM", Model)
    monkeypatch.delattr(routing, "asked")
    found = routing.measure(routing.Options(data=data, peers=False), learn=Overlap)
    assert found["problems"] == {}


def test_a_peer_is_asked_about_the_same_messages_and_compared(data, tmp_path, monkeypatch):
    from benchmarks import semantic

    monkeypatch.setattr(routing, "MiniLM", Model)
    monkeypatch.setattr(semantic, "WORKER", tmp_path / "worker.py")
    monkeypatch.setattr(semantic, "environment", lambda: sys.executable)
    (tmp_path / "worker.py").write_text(WORKER)
    found = routing.measure(routing.Options(data=data), learn=Overlap)
    assert found["problems"] == {}
    peer = found["clinc150"]["semantic_router"]
    assert peer["accuracy"] == 0.25
    assert peer["fit_seconds"] == 1.0
    both = found["clinc150"]["embeddings_against_semantic_router"]
    assert (both["ours_only"], both["theirs_only"]) == (45, 0)
    assert both["p"] == pytest.approx(2 * 0.5**45, rel=0.01)
    assert both["difference_interval"][0] > 0.5
    lines = table(found).splitlines()
    assert any("clinc150.ten_shot.embeddings_against_semantic_router_sum" in one for one in lines)


WORKER = """
import json, sys
import numpy

source, vectors, target = sys.argv[1:]
given = json.load(open(source))
assert len(given["texts"]) == len(numpy.load(vectors)) == len(set(given["texts"]))
known = set(given["texts"])
assert {text for text, _ in given["fit"]} <= known and set(given["test"]) <= known
one = {
    "test": [("refund", 0.6) for text in given["test"]],
    "fit": [("refund", 0.6) for text in given["fit"]],
    "fit_seconds": 1.0,
    "fit_cpu_seconds": 1.0,
    "cpu_seconds": [0.001] * len(given["timed"]),
}
json.dump({name: one for name in given["aggregations"]}, open(target, "w"))
"""


@pytest.mark.parametrize("seed", range(3))
def test_ranking_and_agreement_are_scikit_learns(seed):
    from sklearn.metrics import f1_score, roc_auc_score, roc_curve

    answers, test = drawn(seed)
    found = figures(answers, test, at_least=0.97)
    truths = [truth for _, truth in test]
    scope = [truth is not None for truth in truths]
    sure = [answer.confidence for answer in answers]
    inside = [(a.route, t) for a, t in zip(answers, truths, strict=True) if t]
    assert found["auroc"] == pytest.approx(roc_auc_score(scope, sure), abs=1e-4)
    wrong, right, _ = roc_curve(scope, sure, drop_intermediate=False)
    assert found["fpr95"] == pytest.approx(wrong[right >= 0.95].min(), abs=1e-4)
    macro = f1_score([t for _, t in inside], [r for r, _ in inside], average="macro")
    assert found["macro_f1"] == pytest.approx(macro, abs=1e-4)
    low, high = found["auroc_interval"]
    assert low < found["auroc"] < high


@pytest.mark.parametrize("seed", range(3))
def test_calibration_and_risk_are_what_their_formulas_give(seed):
    answers, test = drawn(seed)
    found = figures(answers, test, at_least=0.97)
    pairs = zip(answers, test, strict=True)
    inside = [(a.confidence, a.route == truth) for a, (_, truth) in pairs if truth]
    sure, right = (np.array(column, dtype=float) for column in zip(*inside, strict=True))
    bins = np.ceil(sure * 15).clip(1)
    gaps = [abs((sure - right)[bins == b].sum()) for b in np.unique(bins)]
    assert found["ece"] == pytest.approx(sum(gaps) / len(sure), abs=1e-4)
    ordered = 1 - right[np.argsort(-sure, kind="stable")]
    risks = ordered.cumsum() / np.arange(1, len(ordered) + 1)
    assert found["aurc"] == pytest.approx(risks.mean(), abs=1e-3)


def test_abstentions_are_counted_by_what_they_were_worth():
    answers, test = answered(
        ["a", "a", "b", "b", "a", "b"],
        ["a", "a", "a", "b", None, None],
        [0.9, 0.4, 0.8, 0.3, 0.7, 0.2],
        [True, False, False, True, True, False],
    )
    found = figures(answers, test, at_least=0.6)
    assert found["accuracy"] == 0.75
    assert found["coverage"] == 0.5
    assert found["selective_accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["promise_kept"] is True
    assert figures(answers, test, at_least=0.97)["promise_kept"] is False
    assert found["needless"] == 0.25
    assert found["needless_all"] == 0.5
    assert found["oos_recall"] == 0.5
    assert found["messages"] == {"in_scope": 4, "out_of_scope": 2}


def test_a_router_that_accepts_nothing_keeps_no_promise():
    answers, test = answered(["a", "b"], ["a", None], [0.9, 0.1], [False, False])
    found = figures(answers, test, at_least=0.97)
    assert found["selective_accuracy"] is None
    assert found["promise_kept"] is False


def test_two_routers_are_compared_on_in_scope_messages_alone():
    ours, test = answered(list("aaaab"), ["a"] * 4 + [None])
    theirs, _ = answered(list("abbba"), ["a"] * 4 + [None])
    found = compared(ours, theirs, test)
    assert (found["ours_only"], found["theirs_only"], found["p"]) == (3, 0, 0.25)
    assert found["difference"] == 0.75


@pytest.mark.parametrize(
    ("judged", "threshold"),
    [
        ([(0.9, True), (0.8, False), (0.7, True), (0.6, True)], 0.6),
        ([(0.9, True), (0.8, False), (0.7, False)], 0.9),
        ([(0.9, False), (0.8, False)], 2.0),
        ([(0.9, True), (0.9, False), (0.8, False)], 2.0),
    ],
)
def test_a_threshold_is_the_lowest_that_keeps_the_promise(judged, threshold):
    assert lowest(judged, 0.75) == threshold


def test_dotted_keys_and_nested_objects_are_the_same_figures():
    given = {"a": {"b": {"c": 1}, "d": [1, 2]}, "e": None}
    assert flat(given) == {"a.b.c": 1, "a.d": [1, 2], "e": None}
    assert nested(flat(given)) == given


def test_times_are_of_each_call_in_milliseconds():
    clock = iter(range(1000))
    seconds = timed(str.upper, ["a"] * 20, lambda: next(clock))
    assert seconds == [1] * 20
    assert times("cpu_ms_{}", seconds) == {"cpu_ms_median": 1000.0, "cpu_ms_p95": 1000.0}


def test_a_goal_is_met_or_missed_in_plain_words(small):
    found = goals(
        {"clinc150.no_embeddings.accuracy": 0.93, "clinc150.no_embeddings.fit_seconds": 9}
    )
    assert [one["met"] for one in found.values()] == [False, True]
    lines = table({**small, "goals": found}).splitlines()
    assert "| clinc150.no_embeddings.accuracy | >= 0.935 | 0.9300 | MISSED |" in lines
    assert "| clinc150.no_embeddings.fit_seconds | <= 60 | 9.00 | met |" in lines


def test_a_missed_goal_is_no_failure(data, capsys, monkeypatch):
    monkeypatch.setitem(routing.measure.__kwdefaults__, "learn", Overlap)
    assert routing.main(["--json", "--no-embeddings", "--data", str(data)]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["figures"]["clinc150.domains.no_embeddings.accuracy"] == 1.0
    assert "clinc150.ten_shot.no_embeddings: fitting" in printed.err


def test_help_says_what_each_figure_is(capsys):
    with pytest.raises(SystemExit):
        routing.main(["--help"])
    said_there = capsys.readouterr().out
    assert all(name in said_there for name in ("needless_all", "fpr95", "QUINTET_DATA"))
