"""Test cases in files: what is written comes back, and every mistake is told with its line."""

from __future__ import annotations

import json
import sys
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quintet.errors import DesignError
from quintet.evals import Case, ToolCall
from quintet.evals.reading.files import read_cases, write_cases

TMP = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

scalars = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9) | st.text()
)
data = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
objects = st.dictionaries(st.text(), data, max_size=3)
names = st.text(min_size=1, max_size=12)
labels = st.none() | st.lists(names, min_size=1, max_size=3).map(tuple)
calls = st.builds(
    ToolCall,
    name=names,
    arguments=objects,
    status=st.sampled_from(("ok", "failed")),
    node=st.text(max_size=3),
    key=st.text(max_size=3),
    retry=st.booleans(),
)
printed = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=8)


def drawn(inputs, answers, ids):
    return st.builds(
        Case,
        input=inputs,
        id=ids,
        route=labels,
        plan=labels,
        calls=st.none() | st.lists(calls, max_size=2).map(tuple),
        path=labels,
        outcome=labels,
        escalate=st.none() | st.booleans(),
        approval=st.none() | st.booleans(),
        never=st.lists(names, max_size=2).map(tuple),
        state=st.none() | objects,
        answer=answers,
        tags=st.lists(names, max_size=2).map(tuple),
        group=st.just("") | ids,
    )


def sets(cases):
    return st.lists(cases, min_size=1, max_size=4, unique_by=lambda case: case.id)


anything = sets(drawn(data.filter(lambda value: value is not None), data, names))
in_cells = sets(
    drawn(st.text() | objects | st.lists(data), st.none() | st.text() | objects, printed)
)


@given(cases=anything, suffix=st.sampled_from([".jsonl", ".json"]))
@TMP
def test_what_is_written_as_json_comes_back(cases, suffix, tmp_path):
    path = tmp_path / f"cases{suffix}"
    write_cases(cases, path)
    assert read_cases(path) == tuple(cases)


@given(cases=in_cells)
@TMP
def test_what_is_written_as_csv_comes_back(cases, tmp_path):
    path = tmp_path / "cases.csv"
    write_cases(cases, path)
    assert read_cases(path) == tuple(cases)


@given(content=st.binary(max_size=200), suffix=st.sampled_from([".jsonl", ".json", ".csv"]))
@settings(TMP, max_examples=200)
def test_any_bytes_give_cases_or_a_design_error(content, suffix, tmp_path):
    path = tmp_path / f"cases{suffix}"
    path.write_bytes(content)
    with suppress(DesignError):
        assert read_cases(path)


@given(record=data, suffix=st.sampled_from([".jsonl", ".json"]))
@settings(TMP, max_examples=200)
def test_any_json_gives_cases_or_a_design_error(record, suffix, tmp_path):
    path = tmp_path / f"cases{suffix}"
    path.write_text(json.dumps([record] if suffix == ".json" else record))
    with suppress(DesignError):
        assert read_cases(path)


@given(
    record=st.fixed_dictionaries(
        {"input": data},
        optional=dict.fromkeys(
            (
                "id",
                "route",
                "plan",
                "calls",
                "path",
                "outcome",
                "escalate",
                "never",
                "state",
                "tags",
            ),
            data,
        ),
    )
)
@settings(TMP, max_examples=200)
def test_any_values_of_the_fields_give_a_case_or_a_design_error(record, tmp_path):
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(record))
    with suppress(DesignError):
        assert read_cases(path)


def write(tmp_path, text, name="cases.jsonl"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(path, **options):
    with pytest.raises(DesignError) as caught:
        read_cases(path, **options)
    return str(caught.value)


def test_all_mistakes_of_a_file_are_told_at_once_each_with_its_line(tmp_path):
    said = refusal(
        write(
            tmp_path,
            '{"input": "a", "id": "x"}\n'
            "{oops}\n"
            '{"input": "b", "rout": "billing"}\n'
            '{"route": "billing"}\n'
            "\n"
            '{"input": "c", "escalate": "yes", "tags": 7}\n'
            '{"input": "d", "id": "x"}\n'
            "[1]\n",
        )
    )
    lines = said.splitlines()
    assert lines[0].endswith("cases.jsonl has 7 mistakes:")
    assert "line 2: not JSON" in said
    assert "line 3: unknown field 'rout' (did you mean 'route'?)" in said
    assert "line 4: no input; give it as 'input', 'message' or 'text'" in said
    assert "line 6: escalate: 'yes': give true or false" in said
    assert "line 6: tags: 7: give a name, or a list of names" in said
    assert "line 7: id 'x' is taken by line 1" in said
    assert "line 8: [1] is no object" in said


def test_mistakes_beyond_twenty_are_counted(tmp_path):
    text = "".join(f'{{"input": "x", "tags": {number}}}\n' for number in range(23))
    lines = refusal(write(tmp_path, text)).splitlines()
    assert lines[0].endswith("has 23 mistakes:")
    assert len(lines) == 22
    assert lines[-1] == "  and 3 more"


def test_the_same_mistake_on_several_lines_is_told_once(tmp_path):
    said = refusal(write(tmp_path, '{"input": "a"}\n' + "{}\n" * 9)).splitlines()
    assert said[0].endswith("has 9 mistakes:")
    assert [line[:36] for line in said[1:]] == ["  lines 2, 3, 4, 5, 6 and 4 more: no"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b'{"input": "a"}\n{"input": "\xe9"}', "line 2: byte 0xe9 is not UTF-8; save the file"),
        ('{"input": "a"}'.encode("utf-16"), "UTF-16; save it as UTF-8"),
        (b'[\n{"input": "a"}\n]', "name the file .json"),
        (b'{"input": "a", "input": "b"}', "field 'input' stands twice"),
        (b'{"input": NaN}', "not plain data"),
        (b'{"input": "a"}\n{"input": "a"}', "the same input as line 1, 'a', and no id"),
        (b'{"message": "a", "text": "b"}', "'text' stands beside the input 'message'"),
        (b'{"input": null}', "no input"),
        (b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "line 1: not JSON that can be"),
        (b'{"input": ' + b"1" * 5000 + b"}", "line 1: not JSON that can be read"),
        (b'{"input": "a", "calls": [{"name": "x", "arguments": {}, "stat": 1}]}', "'status'?"),
        (b'{"input": "a", "calls": [{"name": "x", "arguments": 3}]}', "arguments as an object"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_remedy(tmp_path, content, said):
    assert said in refusal(write(tmp_path, content))


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert "none.jsonl cannot be read" in refusal(tmp_path / "none.jsonl")


def test_a_file_of_another_kind_is_refused_both_ways(tmp_path):
    assert ".jsonl, .json, .csv" in refusal(write(tmp_path, "x", "cases.txt"))
    with pytest.raises(DesignError, match=r"name the file so"):
        write_cases([Case(input="a")], tmp_path / "cases.txt")


def test_a_byte_order_mark_and_trailing_blank_lines_are_no_mistake(tmp_path):
    path = write(tmp_path, b'\xef\xbb\xbf{"input": "a"}\r\n\r\n \n')
    assert read_cases(path) == (Case(input="a"),)


def test_a_line_separator_within_a_text_does_not_end_the_line(tmp_path):
    path = write(tmp_path, '{"input": "a\u2028b\u0085c"}\n')
    assert read_cases(path)[0].input == "a\u2028b\u0085c"


def test_a_json_list_names_the_item(tmp_path):
    said = refusal(write(tmp_path, '[{"input": "a"}, {"input": "b", "id": []}]', "cases.json"))
    assert "item 2: id: []: give a text" in said
    assert "one object" in refusal(write(tmp_path, "{}", "cases.json"))


def test_a_number_is_an_id_too(tmp_path):
    assert read_cases(write(tmp_path, '{"input": "a", "id": 7}'))[0].id == "7"


CSV = """id,message,route,escalate,tags,calls,state
1,"charged twice, again",billing|payments,no,angry | short,,
2,who are you,person,YES,,lookup|refund,"{""refunds"": 1}"
3,"[urgent] hi",,,,"[{""name"": ""refund"", ""arguments"": {""amount"": 5}}]",
,,,,,,
"""


def test_csv_cells_hold_lists_flags_and_json(tmp_path):
    one, two, three = read_cases(write(tmp_path, CSV, "cases.csv"))
    assert one == Case(
        id="1",
        input="charged twice, again",
        route=("billing", "payments"),
        escalate=False,
        tags=("angry", "short"),
    )
    assert (two.escalate, two.calls, two.state) == (
        True,
        (ToolCall(name="lookup"), ToolCall(name="refund")),
        {"refunds": 1},
    )
    assert three.input == "[urgent] hi"
    assert three.calls == (ToolCall(name="refund", arguments={"amount": 5}),)
    assert three.route is None


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_spreadsheets_other_separators_are_seen(tmp_path, separator):
    path = write(tmp_path, f"input{separator}route\nhi{separator}billing\n", "cases.csv")
    assert read_cases(path) == (Case(input="hi", route="billing"),)


def test_csv_mistakes_name_the_line_also_after_a_cell_of_several_lines(tmp_path):
    text = 'input,escalate,rout\n"two\nlines",no,\nb,perhaps,\n,no,\nd,no,,more\n'
    said = refusal(write(tmp_path, text, "cases.csv"))
    assert "line 1: unknown field 'rout' (did you mean 'route'?)" in said
    assert said.count("unknown field") == 1
    assert "line 4: escalate: 'perhaps' is neither true, false, yes, no nor empty" in said
    assert "line 5: no input" in said
    assert "line 6: 4 cells under 3 columns" in said


def test_a_csv_column_that_stands_twice_is_refused(tmp_path):
    assert "'input' stands twice" in refusal(write(tmp_path, "input,input\na,b\n", "cases.csv"))


def test_what_a_cell_cannot_hold_is_refused_by_the_case(tmp_path):
    with pytest.raises(DesignError, match=r"case 'n' cannot be written: input=5 .* \.jsonl"):
        write_cases([Case(id="n", input=5)], tmp_path / "cases.csv")
    with pytest.raises(DesignError, match="case 'o' cannot be written"):
        write_cases([Case(id="o", input="x", answer=object())], tmp_path / "cases.jsonl")
    with pytest.raises(DesignError, match="has no input"):
        write_cases([Case(id="o", input=None)], tmp_path / "cases.jsonl")


OWN = (
    '{"nr": 1, "message": "charged twice", "label": "billing", "approval": "approve"}\n'
    '{"nr": 2, "message": "where is it", "label": "shipping", "approval": null}\n'
)


def test_own_columns_become_fields_and_the_others_are_left_aside(tmp_path):
    path = write(tmp_path, OWN)
    fields = {"input": "message", "route": "label", "id": "nr", "approval": None}
    assert read_cases(path, fields=fields) == (
        Case(id="1", input="charged twice", route="billing"),
        Case(id="2", input="where is it", route="shipping"),
    )


def test_a_column_of_the_same_name_and_another_meaning_is_told(tmp_path):
    said = refusal(write(tmp_path, OWN), fields={"input": "message", "route": "label"})
    assert "line 1: approval: 'approve': give true or false" in said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rout": "label"}, "unknown field 'rout' (did you mean 'route'?)"),
        ({"input": "mesage"}, "has no 'mesage', which fields= gives for 'input' (did you mean"),
    ],
)
def test_a_mapping_that_fits_nothing_is_refused(tmp_path, fields, said):
    assert said in refusal(write(tmp_path, OWN), fields=fields)


def test_a_function_makes_cases_and_its_errors_carry_the_line(tmp_path):
    path = write(tmp_path, OWN)

    def second(record):
        return Case(input=record["message"]) if record["nr"] == 2 else None

    assert read_cases(path, make=second) == (Case(input="where is it"),)
    assert "lines 1, 2: make raised KeyError: 'x'" in refusal(path, make=lambda record: record["x"])
    assert "line 1: make returned 'charged twice'" in refusal(path, make=lambda r: r["message"])
    assert "no cases" in refusal(path, make=lambda record: None)
    assert "give one of them" in refusal(path, make=second, fields={})


def test_a_csv_file_without_a_line_of_names_is_read_whole(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("moor my boat,1,harbour\nprune the pear,2,orchard\n")
    cases = read_cases(path, fields=("input", None, "route"))
    assert [(case.input, case.route) for case in cases] == [
        ("moor my boat", ("harbour",)),
        ("prune the pear", ("orchard",)),
    ]
    made = read_cases(
        path, fields=("input", None, "route"), make=lambda row: Case(input=row["column 2"])
    )
    assert [case.input for case in made] == ["1", "2"]


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("a.csv", ("input", "rout"), "unknown field 'rout' (did you mean 'route'?)"),
        ("a.csv", ("input", "input"), "a name stands twice"),
        ("a.csv", "input", "give a mapping, or a list of names"),
        ("a.csv", ("id", "input"), "line 1 names its columns (input, route)"),
        ("a.csv", ("input",), "2 cells under 1 columns"),
        ("a.json", ("input", "route"), "names in order are for CSV"),
    ],
)
def test_columns_that_cannot_be_named_in_order_are_refused(tmp_path, name, fields, said):
    path = tmp_path / name
    path.write_text("input,route\nmoor my boat,harbour\n")
    with pytest.raises(DesignError) as caught:
        read_cases(path, fields=fields)
    assert said in str(caught.value)


def test_the_list_of_a_json_file_may_stand_under_any_key(tmp_path):
    path = tmp_path / "cases.json"
    path.write_text('{"made": "in spring", "none": [], "examples": [{"input": "moor my boat"}]}')
    assert [case.input for case in read_cases(path)] == ["moor my boat"]
    path.write_text('{"a": [{"input": "x"}], "b": [{"input": "y"}]}')
    with pytest.raises(DesignError, match="a list of records under each of 'a', 'b'"):
        read_cases(path)


YAML = """
suite: harbour
cases:
  - input: moor my boat
    route: harbour
    calls:
      - {name: berth, arguments: {length: 7}}
  - input: &again prune the pear
    route: [orchard, garden]
    never: wipe
"""


@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_cases_are_read_from_yaml(tmp_path, suffix):
    path = tmp_path / f"cases{suffix}"
    path.write_text(f"{YAML}  - input: 2026-01-01\n")
    first, second, third = read_cases(path)
    assert third.input == "2026-01-01"
    assert first.calls == (ToolCall(name="berth", arguments={"length": 7}),)
    assert (second.route, second.never) == (("orchard", "garden"), ("wipe",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- input: a\n  route: no\n", "line 1: route: False: give a name"),
        ("- input: a\n- input: b\n  rout: c\n", "line 2: unknown field 'rout'"),
        ("- input: a\n  route: b\n  route: c\n", "line 3: field 'route' stands twice"),
        ("- input: [a\n", "is no YAML that can be read"),
        ("- !!python/object/apply:os.getcwd []\n", "is no YAML that can be read"),
        ("input: a\n", "holds one object; give a list of objects"),
    ],
)
def test_yaml_that_holds_no_cases_is_refused_with_its_line(tmp_path, text, said):
    path = tmp_path / "cases.yaml"
    path.write_text(text)
    with pytest.raises(DesignError) as caught:
        read_cases(path)
    assert said in str(caught.value)


def test_without_a_reader_of_yaml_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    path = tmp_path / "cases.yaml"
    path.write_text(YAML)
    with pytest.raises(DesignError, match="install pyyaml, or give the file as JSON"):
        read_cases(path)
