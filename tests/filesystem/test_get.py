"""fsspec's own tests of file systems, the part for reading, on a backed-up tree."""

from __future__ import annotations

from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.tests.abstract import AbstractFixtures, AbstractGetTests
from rig import Rig

from bakup.filesystem import BakupFileSystem


class TestGet(AbstractFixtures, AbstractGetTests):
    """Each scenario of theirs is made in a folder of the source; then all of it is backed up."""

    test_get_directory_recursive = None  # it writes what it reads to the store

    @pytest.fixture
    def fs(self, rig: Rig) -> BakupFileSystem:
        local, join = LocalFileSystem(auto_mkdir=True), self._join
        self._bulk_operations_scenario_0(local, join, str(rig.source / "bulk"))
        self._glob_edge_cases_files(local, join, str(rig.source / "glob"))
        self._dir_and_file_with_same_name_prefix(local, join, str(rig.source / "prefix"))
        self._10_files_with_hashed_names(local, join, str(rig.source / "hashed"))
        rig.sync()
        return BakupFileSystem(str(rig.target), home=str(rig.home), skip_instance_cache=True)

    @staticmethod
    def _join(*names: str) -> str:
        return "/".join(names)

    @pytest.fixture
    def fs_join(self) -> Any:
        return self._join

    @pytest.fixture
    def fs_path(self) -> str:
        return ""

    @pytest.fixture
    def fs_bulk_operations_scenario_0(self) -> str:
        return "bulk/source"

    @pytest.fixture
    def fs_glob_edge_cases_files(self) -> str:
        return "glob/source"

    @pytest.fixture
    def fs_dir_and_file_with_same_name_prefix(self) -> str:
        return "prefix/source"

    @pytest.fixture
    def fs_10_files_with_hashed_names(self) -> str:
        return "hashed/source"
