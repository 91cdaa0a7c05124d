from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quintet.errors import CheckpointerError
from quintet.state.savers.address import SCHEMES, read_address

NOT_A_URL = [
    ("sqlite:x.db", "'sqlite:///x.db'"),
    ("sqlite:/x.db", "'sqlite:////x.db'"),
    ("sqllite:///x.db", "'sqlite:///x.db'"),
    ("sqlite+aiosqlite:///x.db", "'sqlite:///x.db'"),
    ("postgres:x", "'postgresql://x'"),
    ("postgresql+psycopg://u@h/d", "'postgresql://u@h/d'"),
    ("memory", "'memory://'"),
    ("mem://", "'memory://'"),
    (":memory:", "'memory://'"),
    ("runs.db", "'sqlite:///runs.db'"),
    ("/data/runs.db", "'sqlite:////data/runs.db'"),
    ("file:runs.db", "'sqlite:///runs.db'"),
    ("mysql://root@h/d", "no scheme 'mysql'"),
]


@pytest.mark.parametrize(("url", "hint"), NOT_A_URL, ids=[url for url, _ in NOT_A_URL])
def test_a_url_without_a_known_scheme_is_refused_with_the_one_that_was_meant(
    url: str, hint: str
) -> None:
    with pytest.raises(CheckpointerError) as caught:
        read_address(url)
    assert hint in str(caught.value)
    assert all(f"{scheme}://" in str(caught.value) for scheme in SCHEMES)


@pytest.mark.parametrize("url", [None, 3, "", "  "])
def test_a_url_must_be_a_string_with_something_in_it(url: object) -> None:
    with pytest.raises(CheckpointerError, match="must be a string"):
        read_address(url)


def test_postgres_is_another_name_for_postgresql() -> None:
    assert read_address("Postgres://h/d").scheme == "postgresql"


def test_options_are_decoded_and_a_plus_stays_a_plus() -> None:
    address = read_address("postgresql://h/d?options=-cx%3D1&password=a+b&pool=3")
    assert address.options == {"options": "-cx=1", "password": "a+b", "pool": "3"}


def test_an_unknown_option_is_refused_by_name() -> None:
    address = read_address("sqlite:///x.db?timout=3")
    with pytest.raises(CheckpointerError, match=r"'timout'.*did you mean 'timeout'"):
        address.refuse_unknown(("timeout",))
    with pytest.raises(CheckpointerError, match="known here: none; remove it"):
        address.refuse_unknown(())


@pytest.mark.parametrize("given", ["soon", "-1", "61", "nan", "inf", ""])
def test_a_number_outside_its_range_is_refused(given: str) -> None:
    address = read_address(f"sqlite:///x.db?timeout={given}")
    with pytest.raises(CheckpointerError, match="a number from 0 to 60"):
        address.number("timeout", 5.0, low=0, high=60)


def test_a_whole_number_is_asked_for_when_the_default_is_one() -> None:
    address = read_address("postgresql://h/d?pool=2.5")
    with pytest.raises(CheckpointerError, match="a whole number from 1 to 9"):
        address.number("pool", 4, low=1, high=9)


def test_a_choice_is_one_of_its_words_in_any_case() -> None:
    address = read_address("sqlite:///x.db?synchronous=NORMAL")
    assert address.choice("synchronous", "full", ("full", "normal")) == "normal"
    with pytest.raises(CheckpointerError, match="must be one of: full, extra"):
        address.choice("synchronous", "full", ("full", "extra"))


letters = st.text("abcXYZ0189@:/?#%&+-_.", min_size=0, max_size=12)


@example(scheme="mysql", before="", after="://", host="h")
@given(
    scheme=st.sampled_from(["postgresql", "postgres", "mysql", "postgresql+psycopg2", "sqlitee"]),
    before=letters,
    after=letters,
    host=st.from_regex(r"\A[a-z]{1,8}\Z"),
)
def test_no_message_shows_a_password(scheme: str, before: str, after: str, host: str) -> None:
    secret = f"{before}S3CRET{after}"
    for url in (
        f"{scheme}://user:{secret}@{host}/db",
        f"{scheme}://user@{host}/db?sslmode=require&password={secret.replace('&', '%26')}",
    ):
        try:
            shown = read_address(url).shown
        except CheckpointerError as problem:
            shown = str(problem)
        assert "S3CRET" not in shown
