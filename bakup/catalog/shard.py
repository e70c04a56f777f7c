"""Rows of the catalog that a worker makes: a database in its memory, which the catalog takes in a few statements.

`recording` writes into a shard as into the catalog. It has the same columns and no keys, so that writing is quick;
packs and sectors are numbered in it from 1, and get their own numbers when it is taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

SECTOR = 1
"""The row of the one sector that a shard is about."""
_NAME = "shard"
_TABLES = ("packs", "chunks", "boxes", "versions", "parts", "removals", "unread")

Columns = Mapping[str, list[str]]
"""Of each table that a shard has."""


def columns_of(connection: sqlite3.Connection) -> Columns:
    """Of the catalog that will take shards."""
    return {table: [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")] for table in _TABLES}


def new_shard(columns: Columns) -> sqlite3.Connection:
    """An empty shard."""
    shard = sqlite3.connect(":memory:", isolation_level=None)
    shard.execute("PRAGMA journal_mode = OFF")
    shard.execute("BEGIN")
    for table, names in columns.items():
        listed = ", ".join("id INTEGER PRIMARY KEY" if name == "id" and table == "packs" else name for name in names)
        shard.execute(f"CREATE TABLE {table} ({listed})")
    return shard


def pack_shard(shard: sqlite3.Connection) -> bytes:
    """All of it, as `take` wants it; the shard is closed."""
    shard.commit()
    data = shard.serialize()
    shard.close()
    return data


class Taker:
    """Takes shards into the catalog. Made outside of a transaction, once for a connection."""

    def __init__(self, connection: sqlite3.Connection, columns: Columns) -> None:
        self._connection = connection
        connection.execute(f"ATTACH ':memory:' AS {_NAME}")
        self._statements = [_statement(table, names) for table, names in columns.items()]

    def take(self, data: bytes, sector: int) -> None:
        """Insert the rows of a shard; its sector has the row id `sector`. Within a transaction of its own."""
        connection = self._connection
        connection.deserialize(data, name=_NAME)
        connection.execute("BEGIN IMMEDIATE")
        (base,) = connection.execute("SELECT coalesce(max(id), 0) FROM main.packs").fetchone()
        for statement in self._statements:
            connection.execute(statement, {"base": base, "sector": sector})
        connection.commit()


def _statement(table: str, names: list[str]) -> str:
    chosen = ", ".join(_chosen(table, name) for name in names)
    kept = "REPLACE" if table == "versions" else "IGNORE"
    return f"INSERT OR {kept} INTO main.{table} SELECT {chosen} FROM {_NAME}.{table} ORDER BY rowid"


def _chosen(table: str, name: str) -> str:
    if name == "sector":
        return ":sector"
    if (table, name) in (("packs", "id"), ("chunks", "pack")):
        return f"{name} + :base"
    return f"coalesce({name}, 0)" if (table, name) in (("packs", "damaged"), ("chunks", "damaged")) else name
