"""The server that the tests start is a real one, and each test has a database of its own."""

import sqlalchemy as sa
from sqlalchemy.pool import NullPool


def test_a_test_gets_an_empty_database_of_a_real_server(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url, poolclass=NullPool)
    with engine.begin() as connection:
        tables = sa.text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert connection.execute(tables).scalar_one() == 0
        connection.execute(sa.text("CREATE TABLE leftover (id int)"))


def test_what_one_test_wrote_is_not_there_for_the_next(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url, poolclass=NullPool)
    with engine.connect() as connection:
        tables = sa.text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert connection.execute(tables).scalar_one() == 0
