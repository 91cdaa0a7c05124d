import json
import random
from dataclasses import replace

import pytest

pytest.importorskip("sklearn", reason="the extra 'learn' is not installed")

from benchmarks import routing_hard
from benchmarks.clinc import Task
from benchmarks.clinc_hard import HARD, OPENINGS, hard, mislabelled

WORDS = {
    "alarm": ("wake", "alarm", "ring", "morning"),
    "calories": ("calories", "apple", "bread", "cheese"),
    "distance": ("far", "miles", "kilometres", "away"),
    "transfer": ("move", "transfer", "savings", "checking"),
}
STRANGE = ("zebra", "volcano", "sonnet", "quark", "glacier")


def said(route, count, seed):
    rng = random.Random(f"{route} {seed}")
    words = WORDS.get(route, STRANGE)
    return tuple((f"{' '.join(rng.sample(words, 3))} {seed} {n}", route) for n in range(count))


@pytest.fixture(scope="module")
def full():
    """Make CLINC150 in small: four of its intents, which have descriptions."""
    routes = (*WORDS, None)
    train, held_out, test = (
        tuple(pair for route in chosen for pair in said(route, count, seed))
        for seed, (chosen, count) in enumerate(((tuple(WORDS), 24), (routes, 8), (routes, 10)))
    )
    return Task(name="clinc150", train=train, held_out=held_out, test=test, about="small")


@pytest.fixture(scope="module")
def found(full):
    return routing_hard.measured(full)


def test_only_what_a_task_is_named_for_is_changed(full):
    plain, *others = hard(full)
    by_name = {task.name.removeprefix(f"{HARD}."): task for task in others}
    for name in ("long", "shift"):
        assert (by_name[name].train, by_name[name].held_out) == (plain.train, plain.held_out)
        assert by_name[name].test != plain.test
        assert [route for _, route in by_name[name].test] == [route for _, route in plain.test]
    for name in ("templated", "noise", "imbalance"):
        assert by_name[name].test == plain.test
    assert len(by_name["templated"].train) == len(WORDS) * 10 * len(OPENINGS)
    wrong = mislabelled(plain, by_name["noise"])
    assert 0 < len(wrong) < 30
    assert wrong.isdisjoint({*plain.train, *plain.held_out})
    counts = sorted(sum(route == one for _, route in by_name["imbalance"].train) for one in WORDS)
    assert counts == [1, 3, 24, 24]


def test_the_same_seed_makes_the_same_tasks_and_another_others(full):
    assert hard(full) == hard(full)
    assert hard(full) != hard(full, seed=1)


def test_test_messages_are_never_fitted_on(full):
    for task in hard(full):
        fitted = {text for text, _ in (*task.train, *task.held_out)}
        assert fitted.isdisjoint(text for text, _ in task.test)


def test_every_hard_task_is_measured(full, found):
    for task in hard(full):
        assert 0.5 < found[f"{task.name}.accuracy"] <= 1.0, task.name
        assert found[f"{task.name}.promise.at_least"] == routing_hard.AT_LEAST
        # Accepted messages of no route are wrong, and weigh what is expected of them, not more.
        expected = found[f"{task.name}.selective_expected"]
        assert expected is None if found[f"{task.name}.coverage"] == 0 else 0.5 < expected <= 1.0
    assert len(found[f"{HARD}.plain.watch_z"]) == 2
    assert 0.5 < found[f"{HARD}.noise.suspects_auroc"] <= 1.0
    assert 0.0 < found[f"{HARD}.noise.suspects_precision"] <= 1.0
    assert found[f"{HARD}.noise.without_suspects.accuracy"] > 0.5
    assert found[f"{HARD}.imbalance.rare_told"] == 1.0


def test_what_belongs_to_no_route_weighs_what_is_promised(full):
    class Yes:
        def scores(self, texts):
            return [routing_hard.Answer(route="alarm", confidence=1.0, accepted=True)] * len(texts)

    test = (*[("a", "alarm")] * 85, *[("b", None)] * 60)
    assert routing_hard.weighed(Yes(), replace(full, test=test))["selective_expected"] == 0.85


def test_descriptions_are_measured_without_examples_and_with_some(full):
    measured = routing_hard.described(full)
    for shots in (0, 5):
        key = f"{routing_hard.DESCRIBED}.no_embeddings.shots_{shots}"
        calls = measured[f"{key}.calls"]
        assert calls["fitting"] + calls["irrelevant"] == len(full.test)
        assert measured[f"{key}.accuracy"] > 0.5
        assert 0.5 < measured[f"{key}.irrelevant_rejected"] <= 1.0


def test_messages_that_no_description_fits_give_no_accuracy(full):
    strange = replace(full, test=tuple((text, None) for text, _ in full.test))
    measured = routing_hard.described(strange)
    assert measured[f"{routing_hard.DESCRIBED}.no_embeddings.shots_0.accuracy"] is None


def test_absent_data_is_told_with_the_remedy(tmp_path, capsys):
    assert routing_hard.main(["--json", "--data", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "QUINTET_DATA" in printed.err


def test_it_prints_one_object_or_a_line_for_each_figure(full, found, capsys, monkeypatch):
    monkeypatch.setattr(routing_hard, "data_folder", lambda named: named)
    monkeypatch.setattr(routing_hard, "tasks", lambda folder: [full])
    monkeypatch.setattr(routing_hard, "measured", lambda full: found)
    monkeypatch.setattr(routing_hard, "described", lambda full: {"described": 0.5})
    assert routing_hard.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found | {"described": 0.5}
    assert routing_hard.main([]) == 0
    assert f"{HARD}.plain.accuracy: " in capsys.readouterr().out
