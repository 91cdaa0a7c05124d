"""Test the characters of the manager's shape: ours at or below the hand-written graph."""

from benchmarks.context_manager import manager8


def test_models_receive_no_more_than_by_hand():
    figures = manager8(others=False)
    assert figures["ratio"] <= 1
    assert figures["text"]["quintet"] <= figures["text"]["hand_written"]
    assert figures["calls"]["quintet"] == figures["calls"]["hand_written"] == 18
